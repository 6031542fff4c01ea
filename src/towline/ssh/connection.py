"""What the rooms above use: one controller, reached over the shared connection."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from towline.errors import CommandTimedOut, HostUnreachable, ReachError
from towline.ssh import fetch, push
from towline.ssh.askpass import Ask
from towline.ssh.destination import Destination
from towline.ssh.forward import forwarded
from towline.ssh.master import Master, Report
from towline.ssh.processes import sessions_of
from towline.ssh.session import (
    CannotStart,
    Ending,
    Limits,
    Outcome,
    TooMuchOutput,
    exchange,
    mux_command,
)
from towline.ssh.session_errors import first_words, script_failed, session_broke
from towline.ssh.transfer import Copied, Progress

SESSIONS_AT_ONCE = 6
"""Sessions that one process uses of a connection at a time; a usual server allows ten."""
LOGIN_PERSIST_SECONDS = 8 * 3600
"""How long a connection that a person had to log in for stays after its last use."""
LOGIN_SECONDS = 110.0
"""How long a person may take to answer; a server's usual LoginGraceTime is 120."""
PROBE_SECONDS = 10.0
"""How long a connection may take for a trivial answer before it counts as half-dead."""
_OPEN_SECONDS = 30.0

_gates: dict[str, threading.BoundedSemaphore] = {}
_gates_lock = threading.Lock()


@dataclass(frozen=True)
class CommandResult:
    r"""What a remote script left: its exit code, its output as text, and how long it took.

    Bytes that are not UTF-8 appear as ``\xNN``.
    """

    exit_code: int
    stdout: str
    stderr: str
    seconds: float


class Connection:
    """One controller. Cheap to make; nothing is opened before the first use. Thread-safe.

    Args:
        destination: where to go.
        report: called as ``report(event, **facts)`` when something takes time or changes:
            ``connecting``, ``connected``, ``connection_failed``, ``waiting_connection_budget``,
            ``waiting_connection_backoff``, ``waiting_session``, ``connection_recycled``.

    """

    def __init__(self, destination: Destination, *, report: Report | None = None) -> None:
        self.destination = destination
        self._report = report or _silent
        self._master = Master(destination, self._report)
        self._suspect: int | None = None  # the master on which a command got no answer in time
        with _gates_lock:
            self._gate = _gates.setdefault(
                str(self._master.socket), threading.BoundedSemaphore(SESSIONS_AT_ONCE)
            )

    def open(
        self, *, timeout: float = _OPEN_SECONDS, patient: bool = False, fresh: bool = False
    ) -> None:
        """Make sure that the shared connection is up; nothing happens when it is.

        Tries once. Several callers, in whatever process, share one attempt and its outcome. A
        failure is kept and raised again, without connecting, until its back-off has passed, so
        that pollers neither hang nor hammer a site.

        Args:
            timeout: seconds for everything, waiting for other processes included.
            patient: keep trying an unreachable host, with back-off, until the timeout.
            fresh: connect now, whatever failed a moment ago (for a person who has just mended it).

        Raises:
            HostUnreachable: no way there, or the cap on new connections would be passed.
            HostKeyUnknown: a host on the way was never accepted; the fingerprint is shown.
            HostKeyChanged: a host on the way shows another key than the accepted one.
            LoginNeeded: a person must type something: :meth:`login`.
            LoginRefused: user or key are not accepted.
            DefinitionError: ssh cannot use its configuration.

        """
        self._master.open(timeout, patient=patient, fresh=fresh)

    def is_open(self) -> bool:
        """Say whether the shared connection is up, as far as this machine knows. Takes 0.1 ms."""
        return self._master.pid() is not None

    def login(self, *, persist_seconds: int = LOGIN_PERSIST_SECONDS) -> None:
        """Open the shared connection on the user's terminal, where ssh may ask anything.

        OpenSSH itself shows the fingerprint of an unknown host and asks; it asks for passwords,
        passphrases and one-time codes. Nothing of it passes through Towline.

        Raises:
            LoginNeeded: it was given up, or there is no terminal.

        """
        self._master.login(persist_seconds)

    def login_asking(
        self,
        ask: Ask,
        *,
        persist_seconds: int = LOGIN_PERSIST_SECONDS,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        """Open the shared connection; what ssh asks is answered by ``ask``, in this thread.

        It is called with ssh's own words: whether an unknown host's key (with its fingerprint) is
        the right one, a password, a passphrase, a one-time code; and again when an answer was
        refused. What it returns reaches ssh through memory and a private socket only.

        Args:
            ask: returns what a person typed, or None when nobody did: the log-in ends.
            persist_seconds: how long the connection stays after its last use.
            seconds: for everything; a usual server hangs up after 120.

        Raises:
            LoginNeeded: nobody answered, or somebody else is logging in.
            LoginRefused: the answers were wrong.
            ReachError: any other error of :meth:`open`.

        """
        self._master.login_asking(ask, persist_seconds, seconds)

    def close(self) -> None:
        """End the shared connection for everybody, with all that runs over it."""
        self._master.close()

    def sessions(self) -> list[int]:
        """Return the local processes that use the shared connection now, whoever started them.

        Raises:
            OSError, subprocess.SubprocessError: the processes of this machine cannot be listed.

        """
        return sessions_of(self._master.socket)

    def recycle(self, *, probe_seconds: float = PROBE_SECONDS) -> bool:
        """Take a half-dead connection out of use, so that the next use opens a new one.

        After a :class:`CommandTimedOut` the next command does this by itself. A trivial command
        is sent first: when it is answered, the connection is healthy (the command was slow) and
        stays. Otherwise no new session goes over it. The sessions of other processes are not
        touched: they go on if the network comes back, and end with the connection's own
        keep-alive (40 s) if not.

        Returns:
            Whether the connection was taken out of use.

        """
        suspect = self._suspect or self._master.pid()
        self._suspect = None
        if suspect is None:
            return False

        def answers() -> bool:
            limits = Limits(total=probe_seconds)
            ending = exchange(str(self._master.socket), ":", (), _drop, limits).ending
            return ending in (Ending.COMPLETE, Ending.REFUSED)  # a refusal is an answer, too

        return self._master.retire(suspect, answers)

    def run(
        self,
        script: str,
        *,
        input: bytes = b"",  # noqa: A002 - the word of subprocess.run
        timeout: float = 60.0,
        max_output: int = 4 << 20,
        check: bool = False,
    ) -> CommandResult:
        """Run a POSIX ``sh`` script on the controller and return what it wrote.

        The script travels on standard input; no user's word is ever part of a remote argv. It
        runs in the login environment with ``LC_ALL=C``; what rc files print is dropped. Opens the
        connection when needed. A process that the script leaves behind is not waited for; give it
        its own streams (``nohup … >log 2>&1 </dev/null &``).

        Args:
            script: quote words in it with :func:`quote`, paths with :func:`quote_path`.
            input: what the script finds on its standard input.
            timeout: seconds for everything, connecting included. The script itself is ended
                3 s later on the remote side, where ``timeout`` exists.
            max_output: bytes of standard output after which the script is given up.
            check: raise when the exit code is not 0.

        Raises:
            CommandTimedOut: no end within ``timeout``; it may or may not have had an effect.
            ConnectionDropped: broke on the way; it may or may not have had an effect.
            ReachError: more output than ``max_output``, or any error of :meth:`open`.
            SiteError: the account gives no shell; with ``check``, an exit code other than 0
                (:class:`NoSpace` when the script said so).

        """
        output = bytearray()

        def keep(data: bytes) -> None:
            output.extend(data)
            if len(output) > max_output:
                raise TooMuchOutput

        what = first_words(script)
        outcome = self.stream(script, lambda: [input], keep, timeout=timeout, what=what)
        if outcome.ending is Ending.OVERFLOW:
            raise ReachError(
                self.destination.thing,
                f"{what} wrote more than {max_output} bytes (max_output)",
                "ask for less at a time",
            )
        result = CommandResult(
            outcome.exit_code, _text(output), _text(outcome.stderr), outcome.seconds
        )
        if check and result.exit_code:
            said = result.stderr.strip() or result.stdout
            raise script_failed(self.destination, what, result.exit_code, said)
        return result

    def stream(
        self,
        script: str,
        source: Callable[[], Iterable[bytes]],
        receive: Callable[[bytes], None],
        *,
        what: str,
        timeout: float | None = None,
        stall: float | None = None,
    ) -> Outcome:
        """Run a script with input and output as streams; :meth:`run` and the copies stand on it.

        Waits for a free session and, when the server refuses one, tries again until ``timeout``
        (60 s when there is none); ``source`` is called anew for each try.

        Raises:
            CommandTimedOut, ConnectionDropped, SiteError: as :meth:`run`.

        """
        deadline = time.monotonic() + (_OPEN_SECONDS * 2 if timeout is None else timeout)
        reopened, pause = False, 0.05
        with self._session(deadline, what):
            if self._suspect is not None:
                self.recycle(probe_seconds=min(PROBE_SECONDS, (deadline - time.monotonic()) / 2))
            while True:
                if (master := self._master.pid()) is None:
                    self.open(timeout=max(0.0, min(_OPEN_SECONDS, deadline - time.monotonic())))
                    master = self._master.pid()
                left = None if timeout is None else max(0.1, deadline - time.monotonic())
                socket = str(self._master.socket)
                try:
                    outcome = exchange(socket, script, source(), receive, Limits(left, stall))
                except CannotStart as error:
                    raise HostUnreachable(
                        self.destination.thing,
                        f"no ssh process can be started here: {error}",
                        "end processes, or raise the limits: ulimit -u, ulimit -n",
                    ) from error
                if outcome.ending is Ending.GONE and not reopened:
                    reopened = True
                elif outcome.ending is Ending.REFUSED and time.monotonic() + pause < deadline:
                    self._report("waiting_session", cluster=self.destination.name, seconds=pause)
                    time.sleep(pause)
                    pause = min(pause * 2, 2.0)
                else:
                    break
        if outcome.ending in (Ending.COMPLETE, Ending.OVERFLOW):
            return outcome
        if outcome.ending in (Ending.TIMED_OUT, Ending.STALLED):
            self._suspect = master
        raise session_broke(
            outcome, self.destination, what, timeout if timeout is not None else stall
        )

    def argv(self, command: str) -> list[str]:
        """Return the argv of a local process that runs ``command`` remotely, stdio as raw bytes.

        It uses the shared connection or fails at once (exit code 255); it never connects or asks
        anything by itself. ``command`` goes to the login shell: what rc files print comes first.
        """
        return [*mux_command(str(self._master.socket)), self.destination.name, command]

    def reopen_argv(self) -> list[str]:
        """Return the argv of a local command that makes sure the connection is up (exit code 0).

        A half-dead connection is replaced, an unreachable host is tried for 45 s; then the error
        is on stderr and the exit code is its own (3 for the way to the cluster).
        """
        return [sys.executable, "-m", "towline.ssh.reopen", self.destination.to_json()]

    @contextmanager
    def forwarded(self, local_port: int) -> Iterator[int]:
        """Yield a port on the controller's loopback that leads to one of the workspace's.

        Everybody on the controller can connect to it while the block runs.

        Raises:
            SiteError: the server there allows no forwarding.
            ReachError: the connection cannot be opened, or broke.

        """
        self.open()
        with forwarded(str(self._master.socket), self.destination, local_port) as port:
            yield port

    def push_file(
        self, local: Path, remote: str, *, mode: int | None = None, progress: Progress | None = None
    ) -> Copied:
        """Copy a file to the controller; see :func:`towline.ssh.push.push_file`."""
        return push.push_file(self, local, remote, mode=mode, progress=progress)

    def push_tree(self, local: Path, remote: str, *, progress: Progress | None = None) -> Copied:
        """Copy a folder to the controller; see :func:`towline.ssh.push.push_tree`."""
        return push.push_tree(self, local, remote, progress=progress)

    def fetch_file(self, remote: str, local: Path, *, progress: Progress | None = None) -> Copied:
        """Copy a file from the controller; see :func:`towline.ssh.fetch.fetch_file`."""
        return fetch.fetch_file(self, remote, local, progress=progress)

    def fetch_tree(self, remote: str, local: Path, *, progress: Progress | None = None) -> Copied:
        """Copy a folder from the controller; see :func:`towline.ssh.fetch.fetch_tree`."""
        return fetch.fetch_tree(self, remote, local, progress=progress)

    @contextmanager
    def _session(self, deadline: float, what: str) -> Iterator[None]:
        if not self._gate.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise CommandTimedOut(
                self.destination.thing,
                f"{what} was not started: all {SESSIONS_AT_ONCE} sessions were busy",
                "try again",
            )
        try:
            yield
        finally:
            self._gate.release()


def _text(data: bytes | bytearray) -> str:
    return data.decode(errors="backslashreplace")


def _silent(event: str, **facts: object) -> None:
    """Report to nobody."""


def _drop(data: bytes) -> None:
    """Receive for nobody."""
