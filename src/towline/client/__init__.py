"""A Towline server from Python: `Client`, and `AsyncClient` for programs with an event loop.

Both are thin: what to send, what an answer means and when to try again is in ``core``, which has no
sockets. ``_sync`` is made from ``_async`` by ``scripts/make_sync_client.py``.
"""

from __future__ import annotations

from towline.client._async import AsyncClient
from towline.client._sync import Client
from towline.client.core.address import Address, find_server, local_server
from towline.client.core.started import Stopped
from towline.client.models import (
    ClusterInfo,
    FileInfo,
    KeyInfo,
    Me,
    RunInfo,
    Upload,
    UserInfo,
    WorkflowInfo,
)

__all__ = [
    "Address",
    "AsyncClient",
    "Client",
    "ClusterInfo",
    "FileInfo",
    "KeyInfo",
    "Me",
    "RunInfo",
    "Stopped",
    "Upload",
    "UserInfo",
    "WorkflowInfo",
    "find_server",
    "local_server",
]
