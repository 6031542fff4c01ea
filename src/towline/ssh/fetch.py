"""Copy files and folders from the controller, whole or not at all.

What arrives is written beside its place under a temporary name, its SHA-256 is compared, and only
then is it moved into place. Remote paths: see :func:`quote_path`.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from towline.errors import CopyFailed
from towline.ssh import copy_scripts
from towline.ssh.transfer import Copied, Progress, Tally, not_whole, transfer
from towline.ssh.unpack import unpack

if TYPE_CHECKING:
    from towline.ssh.connection import Connection

_TAR_SAYS = re.compile(r"^tar: (\d+)$", re.M)
_SHA256_SAYS = re.compile(r"^[0-9a-f]{64}$", re.M)
_CHANGED_WHILE_READ = 1
"""GNU tar's exit code when a file changed meanwhile: usual in a folder of logs."""


def fetch_file(
    connection: Connection, remote: str, local: Path, *, progress: Progress | None = None
) -> Copied:
    """Copy a file from the controller to ``local``, replacing what is there in one step.

    A file that grows meanwhile (a log) is copied as far as it went when the copy began.

    Raises:
        CopyFailed: it is not there or did not arrive whole; ``local`` is as it was.
        ReachError: as :meth:`Connection.run`.

    """
    what, tally = f"the copy of {remote} to {local}", Tally(progress)
    with _room_beside(local) as room:
        part = room / "file"
        with part.open("wb") as file:
            answer = _SizedStream(file, tally, exact=True)
            script = copy_scripts.send_file(remote)
            transfer(connection, script, answer.restart, answer.receive, what)
        if answer.after.decode(errors="replace").strip() != tally.sha256:
            raise not_whole(connection, what, "the checksums differ; does the file change?")
        part.replace(local)
    return tally.copied()


def fetch_tree(
    connection: Connection, remote: str, local: Path, *, progress: Progress | None = None
) -> Copied:
    """Copy a folder from the controller to ``local``; an older folder there gives way to it.

    Nothing is written outside of ``local``: members that would (links out of the folder, devices)
    are left out and named in :attr:`Copied.skipped`. Permission bits are kept, but nothing becomes
    writable for others and all stays readable for the owner.

    Raises:
        CopyFailed: it is not there or did not arrive whole; ``local`` is as it was.
        ReachError: as :meth:`Connection.run`.

    """
    what, tally = f"the copy of {remote} to {local}", Tally(progress)
    with _room_beside(local) as room:
        with (room / "tar").open("wb") as file:
            answer = _SizedStream(file, tally, exact=False)
            script = copy_scripts.send_tree(remote, with_size=progress is not None)
            outcome = transfer(connection, script, answer.restart, answer.receive, what)
        said = outcome.stderr.decode(errors="backslashreplace")
        tar, digests = _TAR_SAYS.search(said), _SHA256_SAYS.findall(said)
        if not tar or int(tar[1]) > _CHANGED_WHILE_READ:
            raise not_whole(connection, what, said.splitlines()[0] if said else "tar failed")
        if tally.sha256 not in digests:
            raise not_whole(connection, what, "the checksums differ")
        skipped = unpack(room / "tar", room / "tree")
        if local.is_symlink() or local.exists():
            local.rename(room / "old")
        (room / "tree").rename(local)
    return tally.copied(skipped)


class _SizedStream:
    """Splits what a sending script prints: a line with a size, the content, what comes after it.

    Args:
        file: gets the content.
        tally: counts it.
        exact: the content ends after that size; otherwise the size is an estimate.

    """

    def __init__(self, file: IO[bytes], tally: Tally, *, exact: bool) -> None:
        self._file = file
        self._tally = tally
        self._exact = exact
        self._head: bytes | None = b""
        self.after = b""

    def restart(self) -> tuple[bytes, ...]:
        """Begin again (nothing of the last try counts); the script reads no input."""
        self._head, self.after = b"", b""
        self._tally.restart()
        self._file.seek(0)
        self._file.truncate()
        return ()

    def receive(self, data: bytes) -> None:
        """Take the next piece of output."""
        if self._head is not None:
            size, newline, data = (self._head + data).partition(b"\n")
            if not newline:
                self._head = size
                return
            self._head, self._tally.total = None, int(size)
        if self._exact:
            left = self._tally.total - self._tally.done
            data, self.after = data[:left], self.after + data[left:]
        if data:
            self._file.write(data)
            self._tally.add(data)


@contextmanager
def _room_beside(local: Path) -> Iterator[Path]:
    """Make a temporary folder beside ``local``, and remove it with all that was left in it."""
    try:
        local.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=copy_scripts.PART, dir=local.parent))
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)
    except OSError as error:
        raise CopyFailed(
            str(local), f"cannot be written: {error.strerror or error}", "make room for it"
        ) from error
