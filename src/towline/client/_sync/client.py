"""`Client`: a Towline server from a script, a notebook or the command line."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from towline.client._sync.access import Keys, Users
from towline.client._sync.clusters import Clusters
from towline.client._sync.runs import Runs
from towline.client._sync.transport import SyncTransport
from towline.client._sync.workflows import Workflows
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


class Client:
    """A Towline server.

    As a context manager it stops at its end the clusters that it has switched on and that nobody
    uses; what was on before, and what others use, stays.

    Example::

        with Client() as client:
            cluster = client.clusters["onprem"].start()
            cluster.wait()
            run = client.workflows["hello"].launch(inputs={"name": "world"})
            for text in run.follow():
                print(text, end="")
            run.download("results")

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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        address = find_server(url, api_key)
        self.url = address.shown
        self.stop_runs = stop_runs
        self._caller = Caller(address.shown, Patience(first=first_patience, later=patience))
        self._transport = SyncTransport(address, transport)
        self._started = Started()
        self.clusters = Clusters(self)
        self.workflows = Workflows(self)
        self.runs = Runs(self)
        self.keys = Keys(self)
        self.users = Users(self)

    def me(self) -> Me:
        """Return who the key belongs to, and what it may do."""
        return self._do(access.me(self._caller))

    def upload(self, file: str | os.PathLike[str]) -> Upload:
        """Send a file to the server; what is returned is a value for a file field.

        A `pathlib.Path` among the inputs of `Workflow.launch` is sent by itself.
        """
        from pathlib import Path

        return self._do(workflows.upload(self._caller, Path(file)))

    def stop_what_i_started(self, *, runs: bool = False, timeout: float | None = 120.0) -> Stopped:
        """Switch off the clusters that this client has switched on and that nobody uses.

        Args:
            runs: first cancel the runs that it has launched and that go on.
            timeout: seconds at most for a run to clean up after itself.

        Returns:
            What was stopped, and what stays and why. Nothing is raised for what could not be.

        """
        steps = started.stop(self._caller, self._started, with_runs=runs, timeout=timeout)
        return self._do(steps)

    def close(self) -> None:
        """Close the connections; nothing is stopped."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop_what_i_started(runs=self.stop_runs)
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def _do(self, steps: Steps[Value]) -> Value:
        return self._transport.run(steps)
