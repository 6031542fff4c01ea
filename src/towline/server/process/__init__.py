"""The server as a process: started, found, ended; one at a time on the same data."""

from __future__ import annotations

from towline.server.process.launch import Ended, down, up
from towline.server.process.record import ServerRecord, running_server

__all__ = ["Ended", "ServerRecord", "down", "running_server", "up"]
