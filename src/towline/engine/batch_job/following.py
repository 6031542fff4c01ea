"""Follow what a job writes: one short command a look, from where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import BinaryIO

from towline.errors import NoSpace
from towline.ssh import Connection, quote

PIECE_BYTES = 1 << 20
"""Of each stream in one look, at most."""

LOOK_SECONDS = 30.0

_LOOK = Template(
    """cd $folder || exit 1
end=$$(head -n 1 exit 2>/dev/null) || end=
begun=; [ -d begun ] && begun=begun
out=$$(wc -c <stdout 2>/dev/null) || out=0
err=$$(wc -c <stderr 2>/dev/null) || err=0
o=$$((out - $stdout)); [ $$o -ge 0 ] || o=0; [ $$o -le $most ] || o=$most
e=$$((err - $stderr)); [ $$e -ge 0 ] || e=0; [ $$e -le $most ] || e=$most
echo "@@look|$$o|$$e|$$begun|$$end"
[ $$o -eq 0 ] || tail -c +$$(($stdout + 1)) stdout | head -c $$o
[ $$e -eq 0 ] || tail -c +$$(($stderr + 1)) stderr | head -c $$e
"""
)


@dataclass(frozen=True)
class Exit:
    """How the program ended: its exit code, and the bytes that it has written to each stream."""

    code: int
    stdout: int
    stderr: int


@dataclass(frozen=True)
class Look:
    """What one look has brought: new bytes of both streams, and the end if it is there."""

    stdout: bytes
    stderr: bytes
    begun: bool
    exit: Exit | None


def look_script(folder: str, stdout: int, stderr: int) -> str:
    """Return a script that prints what is new after so many bytes of each stream."""
    return _LOOK.substitute(folder=quote(folder), stdout=stdout, stderr=stderr, most=PIECE_BYTES)


def read_look(answer: bytes) -> Look | None:
    """Read the answer; None when it is not whole."""
    head, newline, rest = answer.partition(b"\n")
    parts = head.decode(errors="replace").split("|", 4)
    if not newline or len(parts) != 5 or parts[0] != "@@look":
        return None
    out, err = int(parts[1]), int(parts[2])
    if len(rest) != out + err:
        return None
    words = parts[4].split()
    whole = len(words) == 3 and all(word.isdigit() for word in words)
    end = Exit(int(words[0]), int(words[1]), int(words[2])) if whole else None
    return Look(rest[:out], rest[out:], bool(parts[3]), end)


class Follower:
    """Copies a job's output to two local streams, whole and in order, over whatever breaks.

    Attributes:
        exit: how the program ended, once it is known.
        begun: whether the program was started.

    """

    def __init__(
        self, connection: Connection, folder: str, stdout: BinaryIO, stderr: BinaryIO
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._streams = (stdout, stderr)
        self._done = [0, 0]
        self.exit: Exit | None = None
        self.begun = False

    @property
    def complete(self) -> bool:
        """Whether the program has ended and all that it wrote is here."""
        end = self.exit
        return end is not None and self._done[0] >= end.stdout and self._done[1] >= end.stderr

    def look(self) -> bool:
        """Look once; return whether anything was new.

        Raises:
            ReachError: the cluster cannot be asked; look again later, nothing is lost.
            NoSpace: the disk of the workspace is full.

        """
        answer = bytearray()
        self._connection.stream(
            look_script(self._folder, *self._done),
            list,
            answer.extend,
            what="a look at the job's output",
            timeout=LOOK_SECONDS,
        )
        found = read_look(bytes(answer))
        if found is None:
            return False
        for number, piece in enumerate((found.stdout, found.stderr)):
            self._write(number, piece)
        news = bool(found.stdout or found.stderr) or (found.exit, found.begun) != (
            self.exit,
            self.begun,
        )
        self.exit, self.begun = found.exit, found.begun
        return news

    def _write(self, number: int, piece: bytes) -> None:
        view = memoryview(piece)
        stream = self._streams[number]
        try:
            while view:
                sent = stream.write(view) or 0
                self._done[number] += sent
                view = view[sent:]
            stream.flush()
        except OSError as error:
            raise NoSpace(
                "the run folder", f"the job's output cannot be written: {error.strerror}"
            ) from error
