"""The link: a resumable byte carrier between the workspace and one controller.

Specified in docs/link.md. ``Link`` is its face; client and agent are processes of their own.
"""

from towline.link.connection import CommandResult, Connection
from towline.link.link import Link, OnEvent
from towline.link.states import LinkState

__all__ = ["CommandResult", "Connection", "Link", "LinkState", "OnEvent"]
