"""The server: a window onto clusters, workflows and runs, for browsers, programs and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from towline.server.settings import Settings

if TYPE_CHECKING:
    from towline.server.app import create_app

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    """Import the web framework only when a server is made: the command line stays fast."""
    if name == "create_app":
        from towline.server.app import create_app

        return create_app
    raise AttributeError(f"module 'towline.server' has no attribute {name!r}")
