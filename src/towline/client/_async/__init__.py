"""The client for programs with an event loop."""

from __future__ import annotations

from towline.client._async.client import AsyncClient

__all__ = ["AsyncClient"]
