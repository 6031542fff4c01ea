"""The link of one run to one controller, as the engine uses it."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from towline.errors import ConnectionDropped, LinkLost, ReachError
from towline.link.agent_start import AgentPlace, StartedAgent, start_agent
from towline.link.client_process import ClientGone, ClientProcess, Event
from towline.link.connection import Connection
from towline.link.states import LinkState, follow

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
ANSWER_SECONDS = 30.0
CLOSE_GRACE_SECONDS = 5.0
RESTART_SECONDS = 0.5

_log = logging.getLogger(__name__)


class OnEvent(Protocol):
    """Called with each change: ``up``, ``down``, ``resumed``, ``waiting``, ``lost``, ``closed``."""

    def __call__(self, event: str, **facts: object) -> None:
        """Take note; called in the link's own thread, must not block."""


class Link:
    """Carry the bytes of worker managers on a cluster to the interchanges on this machine.

    What is sent arrives once and in order, also when the connection breaks in between, or the link
    becomes ``lost`` and says so. May be used by several threads.

    Args:
        connection: the shared connection to the controller.
        tag: the run's; at most one link of a tag can live on one controller.
        python: a Python of 3.6 or later on the controller.
        root: Towline's folder on the controller, absolute or below ``~/``.
        lease_seconds: how long the agent stays without a connection before it runs the expiry
            script and leaves.
        ping_seconds, dead_seconds: a silent connection is asked after the one, given up after the
            other.
        thing: what messages call this link.
        on_event: told of each change.

    """

    def __init__(
        self,
        connection: Connection,
        tag: str,
        *,
        python: str = "python3",
        root: str = "~/.towline",
        lease_seconds: float = 900.0,
        ping_seconds: float = 5.0,
        dead_seconds: float = 20.0,
        thing: str = "",
        on_event: OnEvent | None = None,
    ) -> None:
        if not TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} cannot be a tag")
        self.tag = tag
        self._connection = connection
        self._place = AgentPlace(root, tag, python)
        self._times = {
            "lease_seconds": lease_seconds,
            "ping_seconds": ping_seconds,
            "dead_seconds": dead_seconds,
        }
        self._thing = thing or f"link {tag}"
        self._on_event = on_event
        self._session = secrets.token_hex(16)
        self._secret = secrets.token_hex(32)
        self._client: ClientProcess | None = None
        self._configured = False
        self._changed = threading.Condition()  # guards the three below
        self._state = LinkState.STARTING
        self._reason = "not started"
        self._confirmed = False
        self._ports: dict[tuple[str, int, str], int] = {}
        self._listening = threading.Lock()  # one listener is asked for at a time

    # State --------------------------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        """The state of this moment."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is not up: what it waits for, or what ended it; empty while it is up."""
        return self._reason

    @property
    def client_pid(self) -> int | None:
        """Process id of the link client on this machine."""
        return self._client.pid if self._client else None

    def wait_up(self, timeout: float) -> bool:
        """Wait until bytes can flow; False when they do not within ``timeout`` seconds.

        Raises:
            LinkLost: when they never will again.

        """
        with self._changed:
            self._changed.wait_for(lambda: self._state not in _WAITING, timeout)
            state = self._state
        if state in (LinkState.LOST, LinkState.CLOSED):
            raise self._lost()
        return state is LinkState.UP

    # From start to close ------------------------------------------------------------------------

    def start(self, timeout: float = 30.0) -> None:
        """Start agent and client; return when bytes can flow.

        Raises:
            ReachError: the controller cannot be reached, or the link is not up in time.
            EnvironmentFault: no usable Python on the controller.
            SiteError: no room for the agent's program.

        """
        if self._client is not None:
            raise RuntimeError("a link starts once")
        deadline = time.monotonic() + timeout
        self._reason = "starting the agent"
        client = self._client = ClientProcess(self._heard)  # comes up while the agent does
        try:
            settings = {"session": self._session, "secret": self._secret, **self._times}
            agent = self._start_agent(settings, deadline)
            self._reason = "connecting to the agent"
            attach = f"exec {self._place.command('attach', agent.host)}"
            client.configure(
                {
                    **settings,
                    "carrier_argv": self._connection.argv(attach),
                    "reopen_argv": self._connection.reopen_argv(),
                }
            )
            self._configured = True
            if not self.wait_up(max(0.0, deadline - time.monotonic())):
                raise ReachError(
                    self._thing, f"not up within {timeout:.0f} s: {self._reason}", "try again later"
                )
        except ClientGone as error:
            raise ReachError(self._thing, str(error)) from None
        except BaseException:
            self.close(timeout=1.0)
            raise

    def _start_agent(self, settings: dict[str, Any], deadline: float) -> StartedAgent:
        while True:
            seconds = max(1.0, deadline - time.monotonic())
            try:
                return start_agent(self._connection, self._place, self._thing, settings, seconds)
            except ConnectionDropped:
                # It may run by now; starting again then only finds it.
                if time.monotonic() + RESTART_SECONDS >= deadline:
                    raise
            time.sleep(RESTART_SECONDS)

    def close(self, timeout: float = 10.0) -> bool:
        """Say goodbye: the agent closes everything, removes its folder and leaves.

        Returns:
            True when the agent is known to be gone; False when it could not be told, or did not
            answer, within ``timeout`` seconds: then its lease ends it.

        """
        client = self._client
        if client is not None:
            if self._configured:
                with contextlib.suppress(ClientGone):
                    client.tell({"do": "close", "timeout": timeout})
            else:
                client.kill()
            if not client.wait(timeout + CLOSE_GRACE_SECONDS):
                client.kill()
        self._become(LinkState.CLOSED, "closed")
        return self._confirmed

    # Requests -----------------------------------------------------------------------------------

    def listen(self, name: str, local_port: int, address: str) -> int:
        """Let the agent accept connections on ``address`` and carry them to ``local_port`` here.

        Asking again for the same returns the same port.

        Args:
            name: of the executor, for the log.
            local_port: where the interchange accepts workers on 127.0.0.1.
            address: IP address of the controller that nodes can reach.

        Returns:
            The port on ``address``.

        Raises:
            ReachError: no answer in time, or not possible on that address.
            LinkLost: the link is gone for good.

        """
        key = (name, local_port, address)
        with self._listening:
            if key not in self._ports:
                command = {"do": "listen", "name": name, "port": local_port, "address": address}
                answer = self._request(command, f"a listener on {address}")
                self._ports[key] = int(answer["port"])
                self._tell("listening", name=name, address=address, port=self._ports[key])
            return self._ports[key]

    def set_expiry_script(self, script: str, remove: Sequence[str] = ()) -> None:
        """Tell the agent what to do when this workspace is gone for good.

        Args:
            script: POSIX sh, run in the run's folder; at most about 250 kB.
            remove: paths below the run's folder that are removed even if the script hangs.

        Raises:
            ReachError: the agent has not confirmed it in time, or refuses it.
            LinkLost: the link is gone for good.

        """
        command = {"do": "expiry", "script": script, "remove": list(remove)}
        self._request(command, "the expiry script")

    def stats(self, *, agent: bool = False) -> dict[str, Any]:
        """Return counters of the client, or of the agent: bytes, frames, channels, CPU seconds.

        Raises:
            ReachError: no answer in time.
            LinkLost: the link is gone for good.

        """
        answer = self._request({"do": "stats", "agent": agent}, "statistics")
        return dict(answer["stats"])

    def _request(self, command: dict[str, Any], what: str) -> Event:
        if self._client is None or self._state in (LinkState.LOST, LinkState.CLOSED):
            raise self._lost()
        try:
            answer = self._client.request(command, ANSWER_SECONDS)
        except ClientGone:
            raise self._lost() from None
        if answer is None:
            raise ReachError(
                self._thing,
                f"no answer about {what} within {ANSWER_SECONDS:.0f} s: {self._reason}",
                "it may still take effect when the connection is back",
            )
        if not answer["ok"]:
            raise ReachError(self._thing, f"the agent refuses {what}: {answer['error']}")
        return answer

    # Events -------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        name = event.pop("event")
        if name in ("up", "resumed"):
            self._become(LinkState.UP, "")
        elif name == "down":
            self._become(LinkState.DOWN, event["reason"])
        elif name == "waiting":
            self._reason = event["reason"]
        elif name == "lost":
            self._become(LinkState.LOST, event["reason"])
        elif name == "closed":
            self._confirmed = event["confirmed"]
            self._become(LinkState.CLOSED, "closed")
        elif name == "ended":
            if self._state in (LinkState.LOST, LinkState.CLOSED):
                return
            self._become(LinkState.LOST, event["reason"])
            name = "lost"
        self._tell(name, **event)

    def _become(self, state: LinkState, reason: str) -> None:
        with self._changed:
            if state is not self._state:
                self._state = follow(self._state, state)
                self._reason = reason
                self._changed.notify_all()

    def _tell(self, event: str, **facts: object) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event, **facts)
            except Exception:
                _log.exception("the listener of %s failed on %s", self._thing, event)

    def _lost(self) -> LinkLost:
        return LinkLost(self._thing, f"the link is {self._state.value}: {self._reason}")


_WAITING = (LinkState.STARTING, LinkState.DOWN)
