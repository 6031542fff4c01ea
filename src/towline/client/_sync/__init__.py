"""The client that waits for its answers."""

from __future__ import annotations

from towline.client._sync.client import Client

__all__ = ["Client"]
