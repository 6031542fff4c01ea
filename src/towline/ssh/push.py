"""Copy files and folders to the controller, whole or not at all.

What arrives is written beside its place under a temporary name, its SHA-256 is compared, and only
then is it moved into place. Folders travel as ``tar``. Remote paths: see :func:`quote_path`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from towline.errors import DefinitionError, TowlineError
from towline.ssh import copy_scripts
from towline.ssh.transfer import (
    CHUNK_BYTES,
    Copied,
    Progress,
    Tally,
    copy_failed,
    not_whole,
    part_beside,
    transfer,
)

if TYPE_CHECKING:
    from towline.ssh.connection import Connection

_SWITCH_IN_SECONDS = 600.0  # removing an old tree on a slow file system


def push_file(
    connection: Connection,
    local: Path,
    remote: str,
    *,
    mode: int | None = None,
    progress: Progress | None = None,
) -> Copied:
    """Copy a file to ``remote``, replacing what is there in one step; folders are made if absent.

    Args:
        connection: to the controller.
        local: the file.
        remote: path of the copy itself, not of a folder to put it in.
        mode: permission bits of the copy; None: those of ``local``.
        progress: called as bytes are sent.

    Raises:
        CopyFailed: it did not arrive whole; what was there before is untouched.
        NoSpace: disk or quota is full; what was there before is untouched.
        DefinitionError: ``local`` cannot be read.
        ReachError: as :meth:`Connection.run`.

    """
    try:
        about = local.stat()
        digest = _sha256(local)
    except OSError as error:
        raise DefinitionError(
            str(local), f"cannot be read: {error.strerror}", f"ls -l {local}"
        ) from error
    tally = Tally(progress, about.st_size, digest)

    def source() -> Iterator[bytes]:
        tally.restart()
        for data in _pieces(local):
            tally.add(data)
            yield data

    bits = about.st_mode & 0o777 if mode is None else mode
    what = f"the copy of {local} to {remote}"
    script = copy_scripts.receive_file(remote, part_beside(remote), digest, bits)
    try:
        transfer(connection, script, source, lambda _: None, what)
    except OSError as error:
        raise not_whole(connection, what, f"{local}: {error.strerror or error}") from error
    return tally.copied()


def push_tree(
    connection: Connection, local: Path, remote: str, *, progress: Progress | None = None
) -> Copied:
    """Copy a folder to ``remote``; an older folder there gives way once the new one is whole.

    Permission bits, symbolic links (as links) and empty folders are kept; owners are not.

    Raises:
        CopyFailed: it did not arrive whole, or ``local`` could not be read whole; what was there
            before is untouched.
        NoSpace: disk or quota is full; what was there before is untouched.
        DefinitionError: ``local`` is not a folder.
        ReachError: as :meth:`Connection.run`.

    """
    if not local.is_dir():
        raise DefinitionError(str(local), "is not a folder")
    what, part = f"the copy of {local} to {remote}", part_beside(remote)
    tally = Tally(progress, _content_bytes(local) if progress else 0)
    sent = _LocalTar(local)
    answer = bytearray()

    def source() -> Iterator[bytes]:
        tally.restart()
        for data in sent.stream():
            tally.add(data)
            yield data

    transfer(connection, copy_scripts.receive_tree(remote, part), source, answer.extend, what)
    arrived_whole = answer.decode(errors="replace").strip() == tally.sha256
    if sent.complaint or not arrived_whole:
        with contextlib.suppress(TowlineError):
            connection.run(copy_scripts.remove_part(part), timeout=_SWITCH_IN_SECONDS)
        raise not_whole(connection, what, sent.complaint or "what arrived has another checksum")
    switched = connection.run(copy_scripts.switch_in_tree(remote, part), timeout=_SWITCH_IN_SECONDS)
    if switched.exit_code:
        raise copy_failed(connection, what, switched.stderr)
    return tally.copied()


class _LocalTar:
    """A local folder as a ``tar`` stream; ``complaint`` says after it what could not be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.complaint = ""

    def stream(self) -> Iterator[bytes]:
        """Yield the stream in pieces."""
        with (
            tempfile.TemporaryFile() as words,
            subprocess.Popen(
                ["tar", "-C", str(self._folder), "-cf", "-", "."],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=words,
                env={**os.environ, "LC_ALL": "C", "COPYFILE_DISABLE": "1"},
            ) as tar,
        ):
            assert tar.stdout  # noqa: S101 - it was asked for
            try:
                while data := tar.stdout.read(CHUNK_BYTES):
                    yield data
            finally:
                tar.stdout.close()
            if tar.wait():
                words.seek(0)
                said = words.read(4096).decode(errors="backslashreplace").strip()
                self.complaint = f"tar could not read all of it: {said}"


def _pieces(local: Path) -> Iterator[bytes]:
    with local.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            yield data


def _sha256(local: Path) -> str:
    digest = hashlib.sha256()
    for data in _pieces(local):
        digest.update(data)
    return digest.hexdigest()


def _content_bytes(folder: Path) -> int:
    """Return the bytes of all regular files, and a tar header for each name."""
    total = 0
    for where, folders, files in os.walk(folder):
        total += 512 * (len(folders) + len(files))
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118 - speed
    return total
