"""The commands as they are done on a server: same parameters, same output."""

from __future__ import annotations
