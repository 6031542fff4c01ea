"""The agent: the link's end on the controller, one per run.

It accepts worker managers on the address that nodes can reach, and one carrier at a time over the
unix socket in its private folder. It holds a lease: left without a carrier for too long, it does
what it was told to do then, and leaves.
"""

import json
import os
import shutil
import signal
import socket
import sys
import time
from enum import Enum
from typing import Any, Dict, Optional, Tuple

from .candidate import Candidate
from .carrier import CarrierSettings
from .control import ABANDON, EXPIRY, GOODBYE, LISTEN, STATS, ControlMessage
from .door import Door
from .endpoint import REPLAY_BYTES, Endpoint, EndpointOwner
from .expiry import ExpiryOrders, expire
from .folder import Log
from .frames import ProtocolError
from .handshake import (
    STATE_LOST,
    VERSIONS,
    WELCOME,
    encode_message,
)
from .listeners import Listeners
from .loop import READ, Loop, Timer
from .names import AGENT, LINK, PID, SOCKET
from .process import take_all_descriptors, usage
from .session import StateLost

FIRST_LEASE_SECONDS = 120.0
"""An agent that never had a carrier is of no use to anybody: it leaves sooner."""

LAST_WORDS_SECONDS = 2.0


class Leaving(Enum):
    """Why an agent leaves; only those that abandon the run have its expiry script run."""

    GOODBYE = "the client said goodbye"
    TERMINATED = "told to by a signal"
    ABANDONED = "the client abandoned the run"
    LEASE_OVER = "the lease ran out"


EXPIRES = (Leaving.ABANDONED, Leaving.LEASE_OVER)


class AgentSettings:
    """What ``start`` reads from stdin; times are seconds."""

    def __init__(
        self,
        session: str,
        secret: str,
        lease_seconds: float = 900.0,
        ping_seconds: float = 5.0,
        dead_seconds: float = 20.0,
        replay_bytes: int = REPLAY_BYTES,
    ) -> None:
        if len(secret) < 32:
            raise ValueError("the secret is too short")
        self.session = session
        self.secret = secret
        self.lease_seconds = lease_seconds
        self.carrier = CarrierSettings(ping_seconds, dead_seconds)
        self.replay_bytes = replay_bytes

    @staticmethod
    def from_json(text: str) -> "AgentSettings":
        """Read the object that the client sends.

        Raises:
            ValueError, TypeError: when it is not one.

        """
        return AgentSettings(**json.loads(text))


class _Terminated(BaseException):
    """Raised by the signal handler out of whatever the loop is doing."""


class Agent(EndpointOwner):
    """Serve one run from the current folder until it is time to leave.

    Args:
        folder: the run's folder; the current folder is its ``link``.
        made_folder: the run's folder did not exist before; it is removed again if it is empty.

    Raises:
        OSError: when the unix socket cannot be made here.

    """

    def __init__(self, folder: str, made_folder: bool, settings: AgentSettings, log: Log) -> None:
        self._folder = folder
        self._made_folder = made_folder
        self._settings = settings
        self._log = log
        self._started = time.time()
        self._loop = Loop()
        self._endpoint = Endpoint(
            self._loop, self, settings.carrier, accepts=True, replay_bytes=settings.replay_bytes
        )
        self._listeners = Listeners(self._loop, self._endpoint.accept, log.write)
        self._orders = ExpiryOrders()
        self._attach_process: Optional[socket.socket] = None
        self._leaving: Optional[Leaving] = None
        self._leave_request: Optional[int] = None
        self._lease: Optional[Timer] = None
        self._door = Door(
            self._loop,
            settings.session,
            settings.secret,
            log,
            status=self._status,
            enter=self._enter,
            state_lost=self._endpoint.close_channels,
        )
        self._start_lease(min(settings.lease_seconds, FIRST_LEASE_SECONDS))

    def facts(self) -> Dict[str, Any]:
        """Return what anybody who may read the folder can know."""
        return {
            "pid": os.getpid(),
            "host": os.uname().nodename,
            "folder": self._folder,
            "session": self._settings.session,
            "versions": list(VERSIONS),
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "started": self._started,
            "lease_seconds": self._settings.lease_seconds,
        }

    def run(self) -> int:
        """Serve until it is time to leave; return the process's exit code."""
        for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(ignored, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _terminate)
        take_all_descriptors()
        try:
            self._loop.run()
        except _Terminated:
            self._leaving = Leaving.TERMINATED
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._leave(self._leaving or Leaving.TERMINATED)
        return 0

    # The carrier --------------------------------------------------------------------------------

    def _status(self) -> Dict[str, Any]:
        facts = self.facts()
        facts["attached"] = self._endpoint.carrier is not None
        facts["channels"] = len(self._endpoint.channels.live)
        return facts

    def _enter(self, candidate: Candidate, version: int, received: int, early: bytes) -> None:
        welcome = {
            "answer": WELCOME,
            "version": version,
            "received": self._endpoint.session.received,
        }
        try:
            again = self._endpoint.session.resume(received)
        except StateLost as error:
            self._door.lose_state(str(error))
            self._door.send_away(candidate, {"answer": STATE_LOST, "reason": str(error)})
            return
        self._release_attach_process()
        self._attach_process, fd_in, fd_out = self._door.let_in(candidate)
        self._loop.watch(self._attach_process.fileno(), READ, self._attach_ended)
        if self._lease is not None:
            self._lease.cancel()
        self._endpoint.attach(fd_in, fd_out, encode_message(welcome), early)
        self._log.write(f"carrier attached, {again} frames sent again")

    def _attach_ended(self, _events: int) -> None:
        self._endpoint.detach()
        self.carrier_lost("its attach process ended")

    def _release_attach_process(self) -> None:
        """Close our side of the unix connection: ``attach`` ends, and with it the ssh session."""
        if self._attach_process is not None:
            self._loop.unwatch(self._attach_process.fileno())
            self._attach_process.close()
            self._attach_process = None

    def carrier_lost(self, reason: str) -> None:
        """Wait for the next carrier, as long as the lease lasts."""
        self._log.write("carrier lost: " + reason)
        self._release_attach_process()
        self._start_lease(self._settings.lease_seconds)

    def session_lost(self, reason: str) -> None:
        """Close all that cannot be resumed; the lease decides what comes then."""
        self._door.lose_state(reason)
        self._release_attach_process()
        self._start_lease(self._settings.lease_seconds)

    def address_behind(self, listener: int) -> Tuple[str, int]:
        """Nothing: an agent accepts connections and dials none."""
        raise LookupError(listener)

    def _start_lease(self, seconds: float) -> None:
        if self._lease is not None:
            self._lease.cancel()
        self._lease = self._loop.call_later(seconds, lambda: self._stop(Leaving.LEASE_OVER))

    # Control ------------------------------------------------------------------------------------

    def control(self, message: ControlMessage) -> None:
        """Do what the client asks, and answer."""
        request = message.get("id")
        if not isinstance(request, int):
            raise ProtocolError("control message without an id")
        do = message.get("do")
        if do in (GOODBYE, ABANDON):
            self._leave_request = request
            self._stop(Leaving.GOODBYE if do == GOODBYE else Leaving.ABANDONED)
            return
        try:
            answer = self._answer(do, message)
        except (OSError, ValueError, TypeError, KeyError) as error:
            answer = {"ok": False, "error": str(error)}
        answer["re"] = request
        self._endpoint.send_control(answer)

    def _answer(self, do: object, message: ControlMessage) -> ControlMessage:
        if do == LISTEN:
            port = self._listeners.add(int(message["listener"]), str(message["address"]))
            name, address = message["name"], message["address"]
            self._log.write(f"listens for {name} on {address} port {port}")
            return {"ok": True, "port": port}
        if do == EXPIRY:
            self._orders = ExpiryOrders(str(message["script"]), list(message["remove"]))
            return {"ok": True}
        if do == STATS:
            return {"ok": True, "stats": {**self._endpoint.stats(), **usage()}}
        raise ValueError(f"unknown request {do!r}")

    # Leaving ------------------------------------------------------------------------------------

    def _stop(self, why: Leaving) -> None:
        self._leaving = why
        self._loop.stop()

    def _leave(self, why: Leaving) -> None:
        self._log.write("leaves: " + why.value)
        self._listeners.close()
        self._endpoint.close_channels()
        self._door.close()
        replaced = self._is_replaced()
        if replaced:
            self._log.write("another agent has this run's folder by now; it stays as it is")
        elif why in EXPIRES:
            for name in (SOCKET, PID):
                if os.path.lexists(name):
                    os.unlink(name)
        else:
            self._remove_folder()
        if self._leave_request is not None:
            self._endpoint.send_control({"re": self._leave_request, "ok": True})
            self._endpoint.flush()
            self._endpoint.drain(LAST_WORDS_SECONDS)
        self._endpoint.detach()
        if why in EXPIRES and not replaced:
            self._release_attach_process()
            expire(self._folder, self._orders, why.value, self._log)
        # Otherwise the attach process, and so the ssh session, ends when this process is gone:
        # who sees that end knows that nothing is left.

    def _is_replaced(self) -> bool:
        """Say whether an agent on another host that shares this home has taken the run over."""
        try:
            with open(AGENT) as file:
                other = json.load(file)
        except (OSError, ValueError):
            return False
        ours = self.facts()
        return bool((other.get("pid"), other.get("host")) != (ours["pid"], ours["host"]))

    def _remove_folder(self) -> None:
        shutil.rmtree(os.path.join(self._folder, LINK), ignore_errors=True)
        if self._made_folder:
            try:
                os.rmdir(self._folder)
            except OSError:
                pass  # somebody else uses it by now


def _terminate(_signal: int, _frame: object) -> None:
    raise _Terminated
