"""What the routes of workflows and uploads work with; starts with the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread

from towline.server.access.principal import ObjectRef
from towline.server.services import Services
from towline.server.uploads import Uploads
from towline.workflows import Catalog

_log = logging.getLogger(__name__)
_FORGET_SECONDS = 3600.0


@asynccontextmanager
async def workflow_services(services: Services) -> AsyncIterator[None]:
    """Give the routes the catalog of this workspace, which the command line uses as well."""
    catalog = Catalog()
    services.catalog = catalog
    services.uploads = Uploads(services.settings.folder / "uploads")
    owner_of = services.access.directory.owner_of

    async def with_owner(name: str) -> ObjectRef | None:
        versions = await anyio.to_thread.run_sync(catalog.versions, name)
        return ObjectRef("workflow", name, owner_of("workflow", name)) if versions else None

    services.finders["workflow"] = with_owner
    forgetting = asyncio.create_task(_forget_old(services.uploads), name="old uploads")
    try:
        yield
    finally:
        forgetting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await forgetting


async def _forget_old(uploads: Uploads) -> None:
    """Delete uploads that no run has come for, also when nobody sends another one."""
    while True:
        try:
            await anyio.to_thread.run_sync(uploads.forget_old)
        except OSError as error:
            _log.warning("old uploads: %s", error)
        await asyncio.sleep(_FORGET_SECONDS)
