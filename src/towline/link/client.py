"""The link client: the workspace's end of one link, in a process of its own.

``python -m towline.link.client``: the first line on stdin is the settings, each further line a
command, each line on stdout an event, all JSON. It is a process of its own because moving bytes
would otherwise compete with Parsl for one interpreter lock. When its stdin ends without ``close``,
the script was killed: the client tells the agent to abandon the run, and leaves.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from towline.link.client_io import CommandReader, emit
from towline.link.connector import Connector
from towline.link.wire.carrier import CarrierSettings
from towline.link.wire.control import (
    ABANDON,
    EXPIRY,
    GOODBYE,
    LISTEN,
    STATS,
    ControlMessage,
    ControlTooLong,
)
from towline.link.wire.endpoint import REPLAY_BYTES, Endpoint, EndpointOwner
from towline.link.wire.frames import ProtocolError
from towline.link.wire.handshake import Message, hello, whole_number
from towline.link.wire.loop import READ, Loop, Timer
from towline.link.wire.process import take_all_descriptors, usage
from towline.link.wire.session import StateLost

PARENT_CHECK_SECONDS = 20.0
"""How often to look whether the parent lives, where the system does not tell."""

AGENT_GONE_SECONDS = 5.0
"""How long to wait, after the agent's farewell, for its process to be gone."""


@dataclass(frozen=True)
class ClientSettings:
    """The first line on stdin; times are seconds."""

    session: str
    secret: str
    carrier_argv: list[str]
    reopen_argv: list[str] | None
    parent_pid: int
    lease_seconds: float = 900.0
    ping_seconds: float = 5.0
    dead_seconds: float = 20.0
    abandon_seconds: float = 20.0
    replay_bytes: int = REPLAY_BYTES


class Client(EndpointOwner):
    """Run one link until it is closed, abandoned or lost."""

    def __init__(self, loop: Loop, settings: ClientSettings) -> None:
        self._loop = loop
        self._settings = settings
        self._commands = CommandReader(loop, self._command, self._parent_gone)
        self._endpoint = Endpoint(
            loop,
            self,
            CarrierSettings(settings.ping_seconds, settings.dead_seconds),
            accepts=False,
            replay_bytes=settings.replay_bytes,
        )
        self._connector = Connector(
            loop,
            settings.carrier_argv,
            settings.reopen_argv,
            self._hello,
            self._welcomed,
            self._still_waiting,
            self._lost,
        )
        self._numbers = itertools.count(1)
        self._requests: dict[int, Callable[[ControlMessage], None]] = {}
        self._ports: dict[int, int] = {}
        self._down_since = time.monotonic()
        self._was_up = False
        self._waiting_reason = ""
        self._lease: Timer | None = None
        self._ending = ""
        self._drops = 0
        self._progress_at_attach = (0, 0)

    def run(self) -> None:
        """Serve until the end."""
        self._connector.start()
        self._watch_parent()
        self._loop.run()
        self._connector.stop()
        self._endpoint.close_channels()

    # The parent ---------------------------------------------------------------------------------

    def _watch_parent(self) -> None:
        # A forked child of the script may hold our stdin open after the script is gone.
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # gone already, or an old kernel: look now
                parent = os.pidfd_open(self._settings.parent_pid)
                self._loop.watch(parent, READ, lambda _: self._parent_ended(parent))
        self._check_parent()

    def _parent_ended(self, parent: int) -> None:
        self._loop.unwatch(parent)
        self._parent_gone()

    def _check_parent(self) -> None:
        if os.getppid() != self._settings.parent_pid:
            self._parent_gone()
        else:
            self._loop.call_later(PARENT_CHECK_SECONDS, self._check_parent)

    def watch_signal(self, number: int) -> None:
        """Treat a signal as the end of the parent."""
        reader, self._signal_writer = socket.socketpair()
        for end in (reader, self._signal_writer):
            end.setblocking(False)
        signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._signal_writer.fileno())
        self._signal_reader = reader
        self._loop.watch(reader.fileno(), READ, self._signalled)

    def _signalled(self, _events: int) -> None:
        self._signal_reader.recv(16)
        self._parent_gone()

    def _parent_gone(self) -> None:
        self.end(ABANDON, self._settings.abandon_seconds)

    def end(self, request: str, seconds: float) -> None:
        """Ask the agent to leave (``goodbye`` or ``abandon``); stop when it has, or in time."""
        if self._ending:
            return
        self._ending = request
        self._loop.call_later(seconds, lambda: self._closed(confirmed=False))
        self._ask({"do": request}, lambda _: self._farewell())

    def _farewell(self) -> None:
        self._ending = "farewell"
        self._loop.call_later(AGENT_GONE_SECONDS, lambda: self._closed(confirmed=True))

    def _closed(self, *, confirmed: bool) -> None:
        if self._ending != "closed":
            self._ending = "closed"
            emit("closed", confirmed=confirmed)
            self._loop.stop()

    def _lost(self, reason: str, agent_gone: bool = False) -> None:
        self._endpoint.detach()
        self._endpoint.close_channels()
        if self._ending:
            self._closed(confirmed=agent_gone)
        else:
            self._ending = "closed"
            emit("lost", reason=reason)
            self._loop.stop()

    # The carrier --------------------------------------------------------------------------------

    def _hello(self) -> Message:
        settings = self._settings
        return hello(settings.session, settings.secret, self._endpoint.session.received)

    def _welcomed(self, answer: Message, fd_in: int, fd_out: int, early: bytes) -> None:
        try:
            replayed = self._endpoint.session.resume(whole_number(answer, "received"))
        except (StateLost, ProtocolError) as error:
            os.close(fd_in)
            os.close(fd_out)
            self._lost(f"the agent's state does not fit: {error}")
            return
        if self._lease is not None:
            self._lease.cancel()
        seconds = time.monotonic() - self._down_since
        pid = self._connector.carrier_pid
        if self._was_up:
            emit("resumed", carrier_pid=pid, replayed_frames=replayed, outage_seconds=seconds)
        else:
            emit("up", carrier_pid=pid, seconds=seconds)
        self._was_up = True
        self._progress_at_attach = self._progress()
        self._waiting_reason = ""
        self._endpoint.attach(fd_in, fd_out, b"", early)

    def _still_waiting(self, reason: str) -> None:
        if reason != self._waiting_reason:
            self._waiting_reason = reason
            emit("waiting", reason=reason)

    def carrier_lost(self, reason: str) -> None:
        """Say so once, and look for another carrier."""
        if self._ending == "farewell":
            self._closed(confirmed=True)
            return
        said = self._connector.end_carrier()
        self._drops += 1
        self._down_since = time.monotonic()
        emit("down", reason=f"{reason} ({said})" if said else reason)
        settings = self._settings
        patience = settings.lease_seconds + 2 * settings.dead_seconds
        self._lease = self._loop.call_later(
            patience, lambda: self._lost(f"no connection for {patience:.0f} s: the lease is over")
        )
        self._connector.replace(after_progress=self._progress() != self._progress_at_attach)

    def _progress(self) -> tuple[int, int]:
        session = self._endpoint.session
        return session.received, session.acknowledged

    def session_lost(self, reason: str) -> None:
        """Give up: what is in flight cannot be replayed."""
        self._lost(reason)

    def address_behind(self, listener: int) -> tuple[str, int]:
        """Return where the interchange of a listener's executor accepts workers."""
        return "127.0.0.1", self._ports[listener]

    # Commands and requests ----------------------------------------------------------------------

    def control(self, message: ControlMessage) -> None:
        """Match an agent's answer with the request that it belongs to."""
        request = message.get("re")
        waiting = self._requests.pop(request, None) if isinstance(request, int) else None
        if waiting is None:
            raise ProtocolError("an answer to nothing")
        waiting(message)

    def _ask(self, request: ControlMessage, answered: Callable[[ControlMessage], None]) -> None:
        number = next(self._numbers)
        self._endpoint.send_control({**request, "id": number})
        self._requests[number] = answered

    def _command(self, command: dict[str, Any]) -> None:
        number, do = command.get("id"), command.get("do")

        def answer(message: ControlMessage) -> None:
            facts = {key: value for key, value in message.items() if key != "re"}
            emit("answer", re=number, **facts)

        if do == LISTEN:
            listener = len(self._ports) + 1
            self._ports[listener] = command["port"]
            request = {key: command[key] for key in ("name", "address")}
            self._ask({"do": LISTEN, "listener": listener, **request}, answer)
        elif do == EXPIRY:
            request = {"do": EXPIRY, "script": command["script"], "remove": command["remove"]}
            try:
                self._ask(request, answer)
            except ControlTooLong as error:
                answer({"ok": False, "error": str(error)})
        elif do == STATS and command.get("agent"):
            self._ask({"do": STATS}, answer)
        elif do == STATS:
            answer({"ok": True, "stats": self._stats()})
        elif do == "close":
            self.end(GOODBYE, command["timeout"])

    def _stats(self) -> dict[str, object]:
        return {
            **self._endpoint.stats(),
            "drops": self._drops,
            "carrier_pid": self._connector.carrier_pid,
            **usage(),
        }


def main() -> None:
    """Read the settings, run the link, say how it ended."""
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()  # unbuffered: what follows belongs to the loop
    if not line:
        return  # the parent changed its mind before it said what to do
    client = Client(Loop(), ClientSettings(**json.loads(line)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    take_all_descriptors()
    client.watch_signal(signal.SIGTERM)
    client.run()


if __name__ == "__main__":
    main()
