"""The link client as its parent sees it: commands in, events out."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any

Event = dict[str, Any]
STDERR_BYTES = 2000


class ClientGone(Exception):
    """The client process has ended; the message says how."""


class ClientProcess:
    """Start a client process and speak with it; may be used by several threads.

    Args:
        heard: called with each event that is no answer to a request, in order, in a thread of its
            own; last with ``{"event": "ended", "reason": …}``.

    """

    def __init__(self, heard: Callable[[Event], None]) -> None:
        self._heard = heard
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _read
        # A session of its own: Ctrl-C in the terminal must not take the link down before the
        # script has closed it. The folder / keeps `-m` from importing files of the user's folder.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "towline.link.client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd="/",
            start_new_session=True,
        )
        self._lock = threading.Lock()  # one writer at a time, and `_answers` with its events
        self._numbers = itertools.count(1)
        self._answers: dict[int, tuple[threading.Event, list[Event]]] = {}
        self._ended = ""
        self._reader = threading.Thread(
            target=self._read, name=f"towline-link-{self._process.pid}", daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the client."""
        return self._process.pid

    def configure(self, settings: dict[str, Any]) -> None:
        """Send the settings: the client starts to work.

        Raises:
            ClientGone: when it has ended.

        """
        self._write({**settings, "parent_pid": os.getpid()})

    def request(self, command: dict[str, Any], timeout: float) -> Event | None:
        """Send a command and wait for its answer; None when there is none in time.

        Raises:
            ClientGone: when the client has ended, or ends meanwhile.

        """
        number = next(self._numbers)
        answered, answer = threading.Event(), list[Event]()
        with self._lock:
            self._answers[number] = (answered, answer)
        try:
            self._write({**command, "id": number})
            answered.wait(timeout)
        finally:
            with self._lock:
                self._answers.pop(number, None)
        if not answer and self._ended:
            raise ClientGone(self._ended)
        return answer[0] if answer else None

    def tell(self, command: dict[str, Any]) -> None:
        """Send a command that has no answer.

        Raises:
            ClientGone: when the client has ended.

        """
        self._write(command)

    def wait(self, timeout: float) -> bool:
        """Wait until the client has ended and all its events were heard; False when it has not."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def kill(self) -> None:
        """End the client at once, and reap it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _write(self, command: dict[str, Any]) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        with self._lock:
            try:
                stdin.write(json.dumps(command).encode() + b"\n")
                stdin.flush()
            except (OSError, ValueError):
                raise ClientGone(self._ended or "the link client has ended") from None

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        with stdout:
            for line in stdout:
                event = json.loads(line)
                if event["event"] == "answer":
                    self._answered(event)
                else:
                    self._heard(event)
        code = self._process.wait()
        with self._errors:
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - STDERR_BYTES))
            words = self._errors.read().decode("utf-8", "replace").strip()
        ending = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._ended = f"the link client ended with {ending}"
        if words:
            self._ended += f": {words.splitlines()[-1]}"
        self._close_stdin()
        with self._lock:
            for answered, _ in self._answers.values():
                answered.set()
        self._heard({"event": "ended", "reason": self._ended})

    def _answered(self, event: Event) -> None:
        with self._lock:
            answered, answer = self._answers.get(event["re"], (None, None))
        if answered is not None and answer is not None:
            answer.append(event)
            answered.set()

    def _close_stdin(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        with self._lock, contextlib.suppress(OSError):  # what was buffered has no reader any more
            stdin.close()
