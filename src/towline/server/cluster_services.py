"""What the routes of clusters work with; starts and ends with the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from towline.clusters import ClusterStore
from towline.server.access.principal import ObjectRef
from towline.server.cluster_views import cluster_json
from towline.server.control.clusters import ClusterReconciler
from towline.server.control.living import LivingRuns
from towline.server.services import Services


@asynccontextmanager
async def cluster_services(services: Services) -> AsyncIterator[None]:
    """Start to look after all clusters; none is switched by the server's start or end."""
    index, changes = services.runs.index, services.runs.changes

    def publish(name: str, *, gone: bool = False) -> None:
        managed = reconciler.get(name)
        if gone or managed is None:
            changes.publish("cluster", name, f'{{"name":"{name}","gone":true}}', gone=True)
            return
        changes.publish("cluster", name, cluster_json(services, managed))

    async def with_owner(name: str) -> ObjectRef | None:
        if await reconciler.find(name) is None:
            return None
        return ObjectRef("cluster", name, services.access.directory.owner_of("cluster", name))

    living = LivingRuns(index.newest_first, index.folder, index.refresh)
    reconciler = ClusterReconciler(services.store, living, publish, ClusterStore())
    services.clusters = reconciler
    services.finders["cluster"] = with_owner
    await reconciler.start()
    try:
        yield
    finally:
        await reconciler.close()
