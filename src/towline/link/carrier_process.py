"""The ssh process that carries the link, from its start to the agent's answer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from towline.link.wire.frames import ProtocolError
from towline.link.wire.handshake import MAX_NOISE_BYTES, Message, MessageReader, encode_message
from towline.link.wire.loop import READ, Loop

HANDSHAKE_SECONDS = 30.0
STDERR_BYTES = 4096
ENDING_SECONDS = 0.5


@dataclass(frozen=True)
class Failed:
    """A carrier process that did not lead to the agent's answer.

    Args:
        reason: for people.
        exit_code: of the process; None when it was still running and was killed.

    """

    reason: str
    exit_code: int | None


class CarrierProcess:
    """Start a process whose stdio leads to the agent, say hello, hear the answer.

    Args:
        argv: the ssh command, as the ssh room gives it.
        hello: the client's first message.
        answered: called with (the agent's answer, bytes that came after it).
        failed: called instead when there is no answer; the process is gone then.

    """

    def __init__(
        self,
        loop: Loop,
        argv: Sequence[str],
        hello: Message,
        answered: Callable[[Message, bytes], None],
        failed: Callable[[Failed], None],
    ) -> None:
        self._loop = loop
        self._answered = answered
        self._failed = failed
        self._reader = MessageReader(MAX_NOISE_BYTES)
        self._errors = b""
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin and stdout and stderr  # noqa: S101 - all three are pipes
        self._pipes = (stdin, stdout, stderr)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        self._timer = loop.call_later(
            HANDSHAKE_SECONDS,
            lambda: self._fail(f"no answer from the agent within {HANDSHAKE_SECONDS:.0f} s"),
        )
        loop.watch(stdout.fileno(), READ, self._readable)
        loop.watch(stderr.fileno(), READ, self._errors_readable)
        with contextlib.suppress(OSError):  # the process ended already; its output says why
            os.write(stdin.fileno(), encode_message(hello))  # far below a pipe\'s capacity

    @property
    def pid(self) -> int:
        """Process id, for tests and logs."""
        return self._process.pid

    def take_streams(self) -> tuple[int, int]:
        """Return duplicates of (incoming, outgoing) descriptors for the carrier to own."""
        self._timer.cancel()
        stdin, stdout, _ = self._pipes
        self._loop.unwatch(stdout.fileno())
        fd_in, fd_out = os.dup(stdout.fileno()), os.dup(stdin.fileno())
        stdin.close()
        stdout.close()
        return fd_in, fd_out

    def end(self) -> Failed:
        """Make sure that the process is gone; return how it went."""
        self._timer.cancel()
        for pipe in self._pipes:
            if not pipe.closed and pipe is not self._pipes[2]:
                self._loop.unwatch(pipe.fileno())
                pipe.close()
        exit_code = self._wait()
        stderr = self._pipes[2]
        if not stderr.closed:
            self._errors_readable(0)
        if not stderr.closed:
            self._loop.unwatch(stderr.fileno())
            stderr.close()
        return Failed(self._words(exit_code), exit_code)

    def _wait(self) -> int | None:
        """Reap the process: it ends by itself once its streams are closed, or it is killed."""
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._process.send_signal(number)
            try:
                code = self._process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return code if code >= 0 else None
        return None

    def _words(self, exit_code: int | None) -> str:
        lines = self._errors.decode("utf-8", "replace").split("\n")
        words = " ".join(line.strip() for line in lines if line.strip())
        if words:
            return words
        return "ssh was killed" if exit_code is None else f"ssh ended with exit code {exit_code}"

    def _readable(self, _events: int) -> None:
        try:
            data = os.read(self._pipes[1].fileno(), 65536)
            answer = self._reader.feed(data)
        except BlockingIOError:
            return
        except (OSError, ProtocolError) as error:
            self._fail(str(error))
            return
        if answer is not None:
            self._timer.cancel()
            self._answered(*answer)
        elif not data:
            self._fail("")

    def _errors_readable(self, _events: int) -> None:
        stderr = self._pipes[2]
        try:
            data = os.read(stderr.fileno(), 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._errors = (self._errors + data)[-STDERR_BYTES:]
        if not data:
            self._loop.unwatch(stderr.fileno())
            stderr.close()

    def _fail(self, reason: str) -> None:
        ended = self.end()
        self._failed(Failed(reason or ended.reason, ended.exit_code))
