"""Keep a carrier attached: start it, replace it, wait longer each time that fails."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO

from towline.link.backoff import Backoff
from towline.link.carrier_process import CarrierProcess, Failed
from towline.link.wire.attach import NO_AGENT, NO_AGENT_TEXT
from towline.link.wire.handshake import OTHER_VERSION, REFUSED, STATE_LOST, WELCOME, Message
from towline.link.wire.loop import Loop

LASTING_SECONDS = 10.0
"""A carrier that lived this long was a success, whether or not there was anything to carry."""

REOPEN_SECONDS = 90.0
"""Time limit of one run of the reopening command, which itself may try for a minute."""

POLL_SECONDS = 0.05


class Connector:
    """Start carrier processes until one is welcome; again after each loss.

    Args:
        carrier_argv: command whose stdio leads to the agent.
        reopen_argv: command that makes the way usable again (exit code 0), run before a try that
            follows a failed one; None when there is none. After a loss the first try does
            without: most often only the carrier broke, and starting one is far cheaper.
        hello: makes the client's first message, afresh for each carrier.
        welcomed: called with (the agent's answer, incoming fd, outgoing fd, bytes after the
            answer).
        waiting: called with the reason each time that a try fails.
        lost: called once, with (the reason, whether the agent is known to be gone), when no try
            can succeed any more.

    """

    def __init__(
        self,
        loop: Loop,
        carrier_argv: Sequence[str],
        reopen_argv: Sequence[str] | None,
        hello: Callable[[], Message],
        welcomed: Callable[[Message, int, int, bytes], None],
        waiting: Callable[[str], None],
        lost: Callable[[str, bool], None],
    ) -> None:
        self._loop = loop
        self._carrier_argv = list(carrier_argv)
        self._reopen_argv = list(reopen_argv) if reopen_argv else None
        self._hello = hello
        self._welcomed = welcomed
        self._waiting = waiting
        self._lost = lost
        self._backoff = Backoff()
        self._welcomed_at = 0.0
        self._process: CarrierProcess | None = None
        self._reopening: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @property
    def carrier_pid(self) -> int | None:
        """Process id of the ssh process of the moment."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the first carrier."""
        self._connect()

    def end_carrier(self) -> str:
        """End the process of a carrier that was lost; return what it said at its end."""
        ended = self._end_process()
        return ended.reason if ended else ""

    def replace(self, *, after_progress: bool) -> None:
        """Look for another carrier; ``end_carrier`` was called before.

        Args:
            after_progress: the last one moved something for good. Carriers that are welcome and
                break at once, without progress, are tried less and less often.

        """
        if after_progress or time.monotonic() - self._welcomed_at >= LASTING_SECONDS:
            self._backoff.reset()
        self._again(self._connect)

    def stop(self) -> None:
        """End what runs, and try no more."""
        self._stopped = True
        self._end_process()
        if self._reopening is not None:
            self._reopening.kill()
            self._reopening.wait()
            self._reopening = None

    def _end_process(self) -> Failed | None:
        process, self._process = self._process, None
        return process.end() if process else None

    def _again(self, how: Callable[[], None]) -> None:
        if not self._stopped:
            self._loop.call_later(self._backoff.next_seconds(), how)

    def _retry_because(self, reason: str) -> None:
        self._waiting(reason)
        self._again(self._reopen)

    # Making the way usable again ----------------------------------------------------------------

    def _reopen(self) -> None:
        if self._stopped:
            return
        if self._reopen_argv is None:
            self._connect()
            return
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        try:
            self._reopening = subprocess.Popen(
                self._reopen_argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        except OSError as error:
            errors.close()
            self._retry_because(f"{self._reopen_argv[0]}: {error.strerror}")
            return
        deadline = time.monotonic() + REOPEN_SECONDS
        self._loop.call_later(POLL_SECONDS, lambda: self._poll_reopening(errors, deadline))

    def _poll_reopening(self, errors: IO[bytes], deadline: float) -> None:
        # A poll, because a master left behind by the command may keep its streams open.
        process = self._reopening
        if process is None:
            errors.close()
            return
        exit_code = process.poll()
        if exit_code is None and time.monotonic() < deadline:
            self._loop.call_later(POLL_SECONDS, lambda: self._poll_reopening(errors, deadline))
            return
        self._reopening = None
        if exit_code is None:
            process.kill()
            process.wait()
        with errors:
            errors.seek(0)
            words = errors.read(4096).decode("utf-8", "replace").strip()
        if exit_code == 0:
            self._connect()
        elif exit_code is None:
            self._retry_because(f"not connected within {REOPEN_SECONDS:.0f} s")
        else:
            self._retry_because(words or f"cannot connect (exit code {exit_code})")

    # Starting a carrier -------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._stopped:
            return
        try:
            self._process = CarrierProcess(
                self._loop, self._carrier_argv, self._hello(), self._answered, self._failed
            )
        except OSError as error:
            self._retry_because(f"{self._carrier_argv[0]}: {error.strerror}")

    def _failed(self, failed: Failed) -> None:
        self._process = None
        if failed.exit_code == NO_AGENT and NO_AGENT_TEXT in failed.reason:
            self._lost(failed.reason.removeprefix("towline: "), True)
        else:
            self._retry_because(failed.reason)

    def _answered(self, answer: Message, early: bytes) -> None:
        kind = answer.get("answer")
        if kind == WELCOME:
            assert self._process is not None  # noqa: S101 - it has just answered
            self._welcomed_at = time.monotonic()
            fd_in, fd_out = self._process.take_streams()
            self._welcomed(answer, fd_in, fd_out, early)
            return
        self._end_process()
        if kind in (REFUSED, STATE_LOST):
            self._lost(f"the agent refuses: {answer.get('reason')}", False)
        elif kind == OTHER_VERSION:
            theirs = answer.get("versions")
            self._lost(f"the agent speaks only versions {theirs} of the protocol", False)
        else:
            self._retry_because(f"an answer that is none: {str(answer)[:200]}")
