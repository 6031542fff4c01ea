"""The shared connection to one controller: made once, used by every Towline process.

It is a background ``ssh`` (ControlMaster) of the user's OpenSSH, whose socket lies in the private
runtime folder. Making, retiring and ending it happens under one lock between processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from towline.errors import DefinitionError, HostUnreachable, LoginNeeded, ReachError
from towline.folders import runtime_folder
from towline.ssh import attempts, mux
from towline.ssh.askpass import Ask
from towline.ssh.attempts import Failure
from towline.ssh.destination import Destination
from towline.ssh.explain import explain, login_command
from towline.ssh.launcher import login_master, prompted_master, start_master
from towline.ssh.locking import LockBusy, exclusive
from towline.ssh.processes import end_masters
from towline.ssh.refusal import Refusal
from towline.ssh.terminal import NoTerminal

_SOCKET_PATH_BYTES = 103 - 17  # the smaller of Linux and macOS; ssh appends 17 while it binds
_LOGGING_IN = "log-in"
_LOCK_SECONDS = 30.0
GLANCE_SECONDS = 2.0
"""How long a mere look at the master may take."""
FROZEN_SECONDS = 10.0
"""A master that answers nothing on its own socket for so long is a frozen process."""

Report = Callable[..., None]


class Master:
    """Owner of the control socket of one destination.

    Raises:
        DefinitionError: when there is no runtime folder, or its path is too long for a socket.

    """

    def __init__(self, destination: Destination, report: Report) -> None:
        self.destination = destination
        self._report = report
        try:
            folder = runtime_folder()
        except OSError as error:
            raise DefinitionError(
                "TOWLINE_RUNTIME_DIR", f"no private folder for connections: {error}", "unset it"
            ) from error
        self.socket = folder / f"{destination.key}.s"
        self._lock = folder / f"{destination.key}.lock"
        self._record = folder / f"{destination.key}.json"
        if len(os.fsencode(self.socket)) > _SOCKET_PATH_BYTES:
            raise DefinitionError(
                "TOWLINE_RUNTIME_DIR", f"{folder} is too long for a socket", "set a shorter one"
            )

    def pid(self) -> int | None:
        """Return the process id of a master that answers, else None."""
        try:
            return mux.master_pid(self.socket, GLANCE_SECONDS)
        except TimeoutError:
            return None

    def open(self, timeout: float, *, patient: bool = False, fresh: bool = False) -> None:
        """Make sure that a master runs; see :meth:`Connection.open`."""
        deadline = time.monotonic() + timeout
        called = time.time()
        while not self.pid():
            with self._locked("opening", deadline - time.monotonic()):
                if self._alive_or_cleared():
                    return
                if not (pause := self._pause_before_attempt(deadline, called, patient, fresh)):
                    pause = self._attempt(deadline, patient)
            time.sleep(pause)

    def _pause_before_attempt(
        self, deadline: float, called: float, patient: bool, fresh: bool
    ) -> float:
        """Return the seconds to wait before connecting; 0 means now.

        Raises the last failure again when it is too young to be repeated, or when it came about
        while this call waited for the lock.
        """
        record, now = attempts.load(self._record), time.time()
        left = deadline - time.monotonic()
        pause = 0.0 if fresh else record.backoff_wait(now)
        if record.failure and not fresh:
            came_while_waiting = record.failed_at >= called and not patient
            if came_while_waiting or (pause and not (patient and _passes(record.failure))):
                raise record.failure.error(self.destination.thing, now - record.failed_at)
            if pause >= left:
                raise record.failure.error(self.destination.thing, now - record.failed_at)
            if pause:
                self._say("waiting_connection_backoff", seconds=pause, cause=record.failure.cause)
                return pause
        if pause := record.budget_wait(now, self.destination.connections_per_minute):
            if pause >= left:
                raise self._over_budget(pause)
            self._say("waiting_connection_budget", seconds=pause)
        return pause

    def _attempt(self, deadline: float, patient: bool) -> float:
        """Connect; return 0, or the seconds to wait for the next try of a patient caller."""
        record = attempts.load(self._record).starting(time.time())
        attempts.save(self._record, record)
        self._say("connecting", host=self.destination.host)
        began = time.monotonic()
        outcome = start_master(self.destination, self.socket, max(1.0, deadline - began))
        if not isinstance(outcome, Refusal):
            attempts.save(self._record, record.succeeded())
            self._say("connected", host=self.destination.host, seconds=time.monotonic() - began)
            return 0.0
        error = explain(outcome, self.destination)
        record = record.failed(Failure.of(error), time.time())
        attempts.save(self._record, record)
        self._say("connection_failed", kind=type(error).__name__, cause=error.cause)
        pause = record.backoff_wait(time.time())
        if patient and _passes(Failure.of(error)) and time.monotonic() + pause < deadline:
            return pause
        raise error

    def login(self, persist_seconds: int) -> None:
        """Let the user log in on the terminal; see :meth:`Connection.login`."""
        with self._locked(_LOGGING_IN, _LOCK_SECONDS):
            if self._alive_or_cleared():
                return
            record = attempts.load(self._record).starting(time.time())
            attempts.save(self._record, record)
            try:
                pid = login_master(self.destination, self.socket, persist_seconds)
            except NoTerminal:
                raise self._not_logged_in("a log-in needs a terminal") from None
            if pid is None:
                raise self._not_logged_in("ssh has said above why the log-in failed")
            attempts.save(self._record, record.succeeded())

    def login_asking(self, ask: Ask, persist_seconds: int, seconds: float) -> None:
        """Let a person answer by other ways; see :meth:`Connection.login_asking`."""
        with self._locked(_LOGGING_IN, _LOCK_SECONDS):
            if self._alive_or_cleared():
                return
            record = attempts.load(self._record)
            if pause := record.budget_wait(time.time(), self.destination.connections_per_minute):
                raise self._over_budget(pause)
            record = record.starting(time.time())
            attempts.save(self._record, record)
            outcome = prompted_master(self.destination, self.socket, persist_seconds, ask, seconds)
            if isinstance(outcome, Refusal):
                raise explain(outcome, self.destination)
            attempts.save(self._record, record.succeeded())

    def close(self) -> None:
        """End the master and its sessions, and remove its socket."""
        with self._locked("closing", _LOCK_SECONDS):
            with suppress(TimeoutError):
                mux.terminate(self.socket, FROZEN_SECONDS)
            end_masters(self.socket, retired=True)
            self.socket.unlink(missing_ok=True)

    def retire(self, suspect: int | None, answers: Callable[[], bool]) -> bool:
        """Take a half-dead master out of use; see :meth:`Connection.recycle`."""
        try:
            with self._locked("recycling", timeout=0):
                try:
                    pid = mux.master_pid(self.socket, FROZEN_SECONDS)
                    if pid is None or pid != suspect or answers():
                        return False
                    mux.stop_listening(self.socket, FROZEN_SECONDS)
                except TimeoutError:
                    end_masters(self.socket)
                self.socket.unlink(missing_ok=True)
        except ReachError:
            return False  # somebody else is opening, closing or recycling it
        self._say("connection_recycled", host=self.destination.host)
        return True

    def _alive_or_cleared(self) -> bool:
        """Return whether a master answers; if none does, leave no socket in ssh's way.

        With a dead socket there, ssh would go on without sharing and stay for ever.
        """
        try:
            if mux.master_pid(self.socket, FROZEN_SECONDS):
                return True
        except TimeoutError:
            end_masters(self.socket)
        self.socket.unlink(missing_ok=True)
        return False

    @contextmanager
    def _locked(self, purpose: str, timeout: float) -> Iterator[None]:
        """Hold the lock between processes; say in words what stands in the way of it."""
        thing, folder = self.destination.thing, self.socket.parent
        try:
            with exclusive(self._lock, purpose, timeout):
                yield
        except LockBusy as busy:
            if busy.purpose == _LOGGING_IN:
                cause = "somebody is logging in on another terminal just now"
                raise LoginNeeded(thing, cause, "finish that log-in, then try again") from None
            cause = f"another process is still busy with the connection ({busy.purpose})"
            raise HostUnreachable(thing, cause, "try again") from None
        except OSError as error:
            cause = f"{folder} cannot be used for the connection: {error.strerror or error}"
            raise HostUnreachable(thing, cause, f"see why: ls -ld {folder}; df {folder}") from error

    def _not_logged_in(self, cause: str) -> LoginNeeded:
        step = f"type in a terminal: {login_command(self.destination)}"
        return LoginNeeded(self.destination.thing, cause, step)

    def _over_budget(self, pause: float) -> HostUnreachable:
        cap = self.destination.connections_per_minute
        return HostUnreachable(
            self.destination.thing,
            f"{cap} connections were opened within a minute, which is the limit;"
            f" the next is due in {pause:.0f} s",
            "wait, or raise connections_per_minute of the cluster",
        )

    def _say(self, event: str, **facts: Any) -> None:
        self._report(event, cluster=self.destination.name, **facts)


def _passes(failure: Failure) -> bool:
    """Say whether waiting can heal this failure; refusals need a person."""
    return failure.kind == HostUnreachable.__name__
