"""Stream a file into a command, watching its answer, its progress and its silence."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from towline.errors import ConnectionDropped

CHUNK = 256 * 1024
ANSWER_LIMIT = 1024 * 1024
"""Bytes kept of each of the command's outputs."""


@dataclass(frozen=True)
class Streamed:
    """How the command ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    sent: int
    """Bytes that the command was given; fewer than the file has when it stopped listening."""


def stream(
    argv: list[str],
    head: bytes,
    body: Path,
    *,
    thing: str,
    silence: float,
    progress: Callable[[int], None],
    offset: int = 0,
    heard: Callable[[bytes], None] = lambda data: None,
) -> Streamed:
    """Run a command with `head` and then the file as its standard input.

    Args:
        argv: the command, run on this machine.
        head: bytes sent first.
        body: file sent after them.
        thing: what messages call the other side.
        silence: seconds without a byte in either direction after which the command is ended.
        progress: called with the bytes of the file sent so far, after each chunk.
        offset: bytes of the file that are left out, from its beginning.
        heard: called with what the command says on standard output, as it comes.

    Raises:
        ConnectionDropped: the command fell silent.

    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
    try:
        with body.open("rb") as file:
            file.seek(offset)
            return _pump(process, head, file, thing, silence, progress, heard)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for side in (process.stdin, process.stdout, process.stderr):
            if side is not None and not side.closed:
                side.close()


def _pump(
    process: subprocess.Popen[bytes],
    head: bytes,
    file: IO[bytes],
    thing: str,
    silence: float,
    progress: Callable[[int], None],
    heard: Callable[[bytes], None],
) -> Streamed:
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - all are pipes
    answers: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    waiting, sent, to_come = memoryview(head), -len(head), True
    with selectors.DefaultSelector() as selector:
        for side in (process.stdin, *answers):
            os.set_blocking(side.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for side in answers:
            selector.register(side, selectors.EVENT_READ)
        last = time.monotonic()
        while selector.get_map():
            ready = selector.select(timeout=max(0.0, last + silence - time.monotonic()))
            if not ready:
                raise ConnectionDropped(
                    thing, f"took no byte and said nothing for {silence:.0f} s; the push was ended"
                )
            last = time.monotonic()
            for key, _ in ready:
                if key.fileobj is not process.stdin:
                    said = _listen(selector, key.fileobj, answers)
                    if key.fileobj is process.stdout:
                        heard(said)
                    continue
                if not waiting and to_come:
                    waiting = memoryview(file.read(CHUNK))
                    to_come = bool(waiting)
                if waiting:
                    written = _write(key.fd, waiting)
                    waiting = waiting[written:] if written >= 0 else memoryview(b"")
                    to_come = to_come and written >= 0
                    sent += max(written, 0)
                    progress(max(sent, 0))
                if not waiting and not to_come:
                    selector.unregister(process.stdin)
                    process.stdin.close()
    try:
        process.wait(timeout=silence)
    except subprocess.TimeoutExpired as error:
        raise ConnectionDropped(
            thing, "did not end after its answer; the push was ended"
        ) from error
    out, err = (bytes(answers[side]) for side in (process.stdout, process.stderr))
    return Streamed(process.returncode, out, err, sent)


def _write(descriptor: int, data: memoryview) -> int:
    """Return how many bytes were taken; -1 when nobody listens any more."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return -1


def _listen(
    selector: selectors.BaseSelector, side: object, answers: dict[IO[bytes], bytearray]
) -> bytes:
    """Keep what a side says; return it."""
    for pipe, answer in answers.items():
        if pipe is side:
            data = pipe.read(CHUNK)
            if data:
                answer.extend(data[: ANSWER_LIMIT - len(answer)])
                return bytes(data)
            if data is not None:
                selector.unregister(pipe)
    return b""
