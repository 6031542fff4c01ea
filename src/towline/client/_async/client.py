"""`AsyncClient`: a Towline server from a program with an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from towline.client._async.access import Keys, Users
from towline.client._async.clusters import Clusters
from towline.client._async.runs import Runs
from towline.client._async.transport import AsyncTransport
from towline.client._async.workflows import Workflows
from towline.client.core import access, started, workflows
from towline.client.core.address import find_server
from towline.client.core.caller import Caller
from towline.client.core.calls import Steps
from towline.client.core.exchange import Patience
from towline.client.core.started import Started, Stopped
from towline.client.models import Me, Upload

if TYPE_CHECKING:
    import os

    import httpx2

Value = TypeVar("Value")


class AsyncClient:
    """A Towline server.

    As a context manager it stops at its end the clusters that it has switched on and that nobody
    uses; what was on before, and what others use, stays.

    Example::

        async with AsyncClient() as client:
            cluster = await client.clusters["onprem"].start()
            await cluster.wait()
            run = await client.workflows["hello"].launch(inputs={"name": "world"})
            async for text in run.follow():
                print(text, end="")
            await run.download("results")

    Args:
        url: the server's address; None: ``TOWLINE_SERVER``, else your own server on this machine.
        api_key: None: ``TOWLINE_API_KEY``, else the key of your own server.
        patience: seconds for which a server that has answered before may be away.
        first_patience: seconds for one that has not: a wrong address should be said soon.
        stop_runs: at the end of the ``with`` block also cancel the runs that it launched.
        transport: what carries requests in place of sockets, for tests.

    Raises:
        ServerUnreachable: no server is named, and none of yours runs here.
        NotAuthorised: there is no key.
        DefinitionError: the address is none, or the key would cross a network readable.

    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        patience: float = 60.0,
        first_patience: float = 3.0,
        stop_runs: bool = False,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        address = find_server(url, api_key)
        self.url = address.shown
        self.stop_runs = stop_runs
        self._caller = Caller(address.shown, Patience(first=first_patience, later=patience))
        self._transport = AsyncTransport(address, transport)
        self._started = Started()
        self.clusters = Clusters(self)
        self.workflows = Workflows(self)
        self.runs = Runs(self)
        self.keys = Keys(self)
        self.users = Users(self)

    async def me(self) -> Me:
        """Return who the key belongs to, and what it may do."""
        return await self._do(access.me(self._caller))

    async def upload(self, file: str | os.PathLike[str]) -> Upload:
        """Send a file to the server; what is returned is a value for a file field.

        A `pathlib.Path` among the inputs of `Workflow.launch` is sent by itself.
        """
        from pathlib import Path

        return await self._do(workflows.upload(self._caller, Path(file)))

    async def stop_what_i_started(
        self, *, runs: bool = False, timeout: float | None = 120.0
    ) -> Stopped:
        """Switch off the clusters that this client has switched on and that nobody uses.

        Args:
            runs: first cancel the runs that it has launched and that go on.
            timeout: seconds at most for a run to clean up after itself.

        Returns:
            What was stopped, and what stays and why. Nothing is raised for what could not be.

        """
        steps = started.stop(self._caller, self._started, with_runs=runs, timeout=timeout)
        return await self._do(steps)

    async def close(self) -> None:
        """Close the connections; nothing is stopped."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.stop_what_i_started(runs=self.stop_runs)
        finally:
            await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def _do(self, steps: Steps[Value]) -> Value:
        return await self._transport.run(steps)
