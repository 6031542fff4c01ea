"""Clusters of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from towline.client._async.stream import events_of
from towline.client.core import clusters
from towline.client.core.collections import AsyncCollection
from towline.client.core.streams import EventStream
from towline.client.models import CheckStepInfo, ClusterInfo

if TYPE_CHECKING:
    from towline.client._async.client import AsyncClient


class Clusters(AsyncCollection):
    """The clusters of a server: ``client.clusters["onprem"]``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def __getitem__(self, name: str) -> Cluster:
        return Cluster(self._client, name)

    async def __aiter__(self) -> AsyncIterator[Cluster]:
        """Yield the clusters that you may see, by name."""
        for info in await self.all():
            yield Cluster(self._client, info.name)

    async def all(self) -> list[ClusterInfo]:
        """Return the clusters that you may see."""
        return await self._client._do(clusters.list_clusters(self._client._caller))

    async def define(self, definition: Mapping[str, Any]) -> ClusterInfo:
        """Define a new cluster: ``{"name": "onprem", "type": "slurm", "host": …}``."""
        return await self._client._do(clusters.define(self._client._caller, definition))


class Cluster:
    """One cluster, by its name; the server is asked when a method is called."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self.name = name

    async def info(self) -> ClusterInfo:
        """Return the cluster as it was last seen."""
        return await self._client._do(clusters.get(self._client._caller, self.name))

    async def start(self) -> Cluster:
        """Switch the cluster on when it is off; `Client` stops it at its end if it did."""
        started = self._client._started.cluster
        await self._client._do(clusters.start(self._client._caller, self.name, started))
        return self

    async def stop(self) -> Cluster:
        """Switch the cluster off, whoever switched it on.

        Raises:
            ClusterInUse: runs use it.

        """
        await self._client._do(clusters.power(self._client._caller, self.name, "off"))
        return self

    async def wait(
        self,
        state: str = "on",
        timeout: float | None = None,
        look: Callable[[ClusterInfo], None] | None = None,
    ) -> Cluster:
        """Wait until the cluster is in a state.

        Args:
            state: ``on`` or ``off``.
            timeout: seconds at most; None: as long as it takes.
            look: called with what is seen whenever that has changed.

        Raises:
            SiteError: it has an error.
            LoginNeeded: it asks for something that only a person can answer.
            NotInTime: it took longer; it goes on.

        """
        steps = clusters.wait(self._client._caller, self.name, state, timeout, look)
        await self._client._do(steps)
        return self

    async def check(
        self, *, deep: bool = False, partition: str | None = None, account: str | None = None
    ) -> AsyncIterator[CheckStepInfo]:
        """Try each step of the way to the cluster; yield what was found, as it is found.

        Args:
            deep: also run a job on one node, of a minute at most.
            partition: of that job.
            account: of that job.

        """
        caller = self._client._caller
        asked = {"deep": deep, "partition": partition, "account": account}
        await self._client._do(clusters.start_check(caller, self.name, asked))
        stream = EventStream(clusters.check_events(self.name), caller.server, caller.patience)
        async for name, data in events_of(self._client, stream):
            if name == "end":
                return
            if name == "step":
                yield CheckStepInfo.model_validate_json(data)

    async def redefine(self, definition: Mapping[str, Any]) -> ClusterInfo:
        """Put another definition in place of the cluster's."""
        return await self._client._do(
            clusters.redefine(self._client._caller, self.name, definition)
        )

    async def remove(self) -> None:
        """Forget the cluster; nothing there is touched."""
        await self._client._do(clusters.remove(self._client._caller, self.name))

    def __repr__(self) -> str:
        return f"Cluster({self.name!r} of {self._client.url})"
