"""What starts with the server and ends with it.

A part is an asynchronous context manager: it puts what routes need onto the services, yields, and
cleans up. Parts start in this order and end in the opposite one. Add yours as a line.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from towline.server.cluster_services import cluster_services
from towline.server.run_services import run_services
from towline.server.services import Services
from towline.server.workflow_services import workflow_services

Part = Callable[[Services], AbstractAsyncContextManager[None]]

PARTS: tuple[Part, ...] = (run_services, cluster_services, workflow_services)
