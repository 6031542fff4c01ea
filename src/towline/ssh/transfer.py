"""What pushing and fetching have in common: counting, checking, and the errors of a copy."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from towline.errors import CommandTimedOut, ConnectionDropped, CopyFailed, TowlineError
from towline.ssh.copy_scripts import PART, parent_of
from towline.ssh.session import Outcome
from towline.ssh.session_errors import found_no_space

if TYPE_CHECKING:
    from towline.ssh.connection import Connection

STALL_SECONDS = 120.0
"""A copy in which no byte moves for so long is given up; it has no other time limit."""
CHUNK_BYTES = 1 << 18

Progress = Callable[[int, int], None]
"""Called as ``progress(bytes_done, bytes_total)``; of a folder the total is an estimate."""


@dataclass(frozen=True)
class Copied:
    """What a copy moved."""

    bytes: int
    """Size of the file, or of the folder's ``tar`` stream."""
    seconds: float
    sha256: str
    """Of the file or the ``tar`` stream; both ends agree on it."""
    skipped: tuple[str, ...] = ()
    """Members of a fetched folder that were left out: links that point out of it, devices."""


class Tally:
    """Counts and hashes the bytes that pass, and tells the progress.

    Args:
        progress: who is told.
        total: bytes to expect; 0 when not known yet.
        sha256: the hex digest, when it is known already and need not be made again.

    """

    def __init__(
        self, progress: Progress | None, total: int = 0, sha256: str | None = None
    ) -> None:
        self.total = total
        self._known_sha256 = sha256
        self._progress = progress
        self._began = time.monotonic()
        self.restart()

    def restart(self) -> None:
        """Begin again at the first byte."""
        self.done = 0
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.done += len(data)
        if self._known_sha256 is None:
            self._hash.update(data)
        if self._progress:
            self._progress(min(self.done, self.total) if self.total else self.done, self.total)

    @property
    def sha256(self) -> str:
        """The hex digest of all bytes so far."""
        return self._known_sha256 or self._hash.hexdigest()

    def copied(self, skipped: tuple[str, ...] = ()) -> Copied:
        """Return the result of a copy that is complete."""
        if self._progress:
            self._progress(self.total or self.done, self.total or self.done)
        return Copied(self.done, time.monotonic() - self._began, self.sha256, skipped)


def part_beside(remote: str) -> str:
    """Return a new temporary name in the folder of a remote path.

    Raises:
        ValueError: when the path does not name a file or folder.

    """
    return f"{parent_of(remote)}/{PART}{secrets.token_hex(6)}"


def transfer(
    connection: Connection,
    script: str,
    source: Callable[[], Iterable[bytes]],
    receive: Callable[[bytes], None],
    what: str,
) -> Outcome:
    """Run one script of a copy; whatever breaks it means that nothing was switched in.

    Raises:
        NoSpace, CopyFailed: the script said so, or the connection broke.
        ReachError: as :meth:`Connection.open`.

    """
    try:
        outcome = connection.stream(script, source, receive, what=what, stall=STALL_SECONDS)
    except (ConnectionDropped, CommandTimedOut) as error:
        raise not_whole(connection, what, "the connection broke or stood still") from error
    if outcome.exit_code:
        raise copy_failed(connection, what, outcome.stderr.decode(errors="backslashreplace"))
    return outcome


def copy_failed(connection: Connection, what: str, stderr: str) -> TowlineError:
    """Return the error for a remote script of a copy that ended with another exit code than 0."""
    if no_space := found_no_space(connection.destination, what, stderr):
        return no_space
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return not_whole(connection, what, lines[0] if lines else "the remote side gave no reason")


def not_whole(connection: Connection, what: str, cause: str) -> CopyFailed:
    """Return the error for a copy of which nothing was switched in."""
    return CopyFailed(
        connection.destination.thing, f"{what} failed: {cause}", "nothing was changed; try again"
    )
