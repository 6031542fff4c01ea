"""What makes observed equal desired, beside the routes."""

from __future__ import annotations
