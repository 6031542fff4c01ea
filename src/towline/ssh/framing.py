"""How a script and its input travel to a remote shell, and how its output is told from noise.

The remote command is always :data:`BOOT`: it reads one line from standard input and runs it.
``read`` takes byte by byte from a pipe in every shell, so what follows the line is still there as
the script's own input; ``head -c`` of busybox reads too far.

First line: our frame. It writes a start marker, runs :data:`BOOT` again under ``timeout`` for the
second line, the caller's script, and writes an end marker with the exit code. What comes before the
start marker was written by rc files and the like; without an end marker the output is truncated.
"""

from __future__ import annotations

import re
from collections.abc import Callable

BOOT = """exec /bin/sh -c 'IFS= read -r line && eval "$(printf %b "$line")"'"""
"""Works under bash, dash, tcsh, fish and zsh as login shell: no newline, no backslash, no ``!``."""

_FRAME = """\
LC_ALL=C; export LC_ALL
printf '%s>\\n' {nonce}; printf '%s>\\n' {nonce} >&2
{limit}{boot}
code=$?
printf '%s<%s\\n' {nonce} $code; printf '%s<%s\\n' {nonce} $code >&2
"""
_INNER_BOOT = BOOT.removeprefix("exec ")


def one_line(script: str) -> bytes:
    r"""Return the script as one line that ``printf %b`` turns back into it.

    Only printable ASCII: every other byte becomes ``\0ooo``, which no shell's ``read`` mangles.

    Raises:
        ValueError: when the script holds a NUL character, which no shell can.

    """
    if "\0" in script:
        raise ValueError("a shell script cannot hold a NUL character")
    data = script.encode(errors="surrogateescape").replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    return re.sub(rb"[^ -~]", lambda byte: b"\\0%03o" % byte[0][0], data) + b"\n"


def framed(script: str, nonce: str, limit_seconds: int | None) -> bytes:
    """Return the bytes for :data:`BOOT`'s standard input; the script's own input follows them.

    With a limit, a remote ``timeout`` (where there is one) ends the script even when we are gone.
    """
    body = one_line(script)
    if limit_seconds is None:
        return one_line(_FRAME.format(nonce=nonce, limit="", boot=_INNER_BOOT)) + body
    choose = (
        f"if command -v timeout >/dev/null 2>&1; then timeout -k 5 {limit_seconds} {_INNER_BOOT}\n"
        f"else {_INNER_BOOT}; fi"
    )
    return one_line(_FRAME.format(nonce=nonce, limit="", boot=choose)) + body


class MarkedStream:
    """Take a stream in arbitrary pieces; deliver only what lies between the markers.

    Args:
        nonce: what the markers are made of; nobody else can know it.
        deliver: called with the bytes between the markers, as they come.

    """

    def __init__(self, nonce: str, deliver: Callable[[bytes], None]) -> None:
        self._start = nonce.encode() + b">\n"
        self._end = re.compile(re.escape(nonce.encode()) + rb"<(\d+)\n")
        self._longest = len(nonce) + 6
        self._deliver = deliver
        self._held = b""
        self.noise = b""
        """The last 4 kB that came before the start marker."""
        self.started = False
        self.exit_code: int | None = None

    @property
    def ended(self) -> bool:
        """Whether the end marker has come; nothing is delivered after it."""
        return self.exit_code is not None

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self.ended:
            return
        self._held += data
        if not self.started:
            before, found, after = self._held.partition(self._start)
            if not found:
                self.noise = (self.noise + self._held[: -self._longest])[-4096:]
                self._held = self._held[-self._longest :]
                return
            self.noise = (self.noise + before)[-4096:]
            self.started, self._held = True, after
        if end := self._end.search(self._held):
            self._pass_on(end.start())
            self.exit_code, self._held = int(end[1]), b""
        else:
            self._pass_on(len(self._held) - self._longest)

    def finish(self) -> None:
        """Deliver what was held back; the stream is over, with or without an end marker."""
        if self.started:
            self._pass_on(len(self._held))
        else:
            self.noise = (self.noise + self._held)[-4096:]
        self._held = b""

    def _pass_on(self, count: int) -> None:
        if count > 0:
            self._deliver(self._held[:count])
            self._held = self._held[count:]
