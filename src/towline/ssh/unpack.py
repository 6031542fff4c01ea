"""Unpack a ``tar`` from a cluster without trusting it."""

from __future__ import annotations

import importlib
import tarfile
from pathlib import Path
from typing import Any

from towline.errors import CopyFailed


def _with_filters() -> Any:
    """Return a ``tarfile`` that checks members; Debian 12's Python 3.11.2 has none of its own."""
    own = hasattr(tarfile, "data_filter")
    return tarfile if own else importlib.import_module("backports.tarfile")


_tarfile = _with_filters()


def unpack(archive: Path, folder: Path) -> tuple[str, ...]:
    """Unpack into a new folder; return the names that were left out as unsafe.

    Unsafe is what :func:`tarfile.data_filter` refuses: names and links that lead out of the
    folder, devices, pipes. Nothing becomes writable for others.

    Raises:
        CopyFailed: the archive is damaged.

    """
    skipped: list[str] = []

    def safe(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        try:
            allowed: tarfile.TarInfo = _tarfile.data_filter(member, path)
        except _tarfile.FilterError:
            skipped.append(member.name)
            return None
        least = 0o700 if member.isdir() else 0o600
        return allowed.replace(mode=member.mode & 0o755 | least, deep=False)

    folder.mkdir()
    try:
        with _tarfile.open(archive, "r:") as tar:
            tar.extractall(folder, filter=safe)  # noqa: S202 - `safe` checks every member
    except _tarfile.TarError as error:
        raise CopyFailed(str(folder), f"the archive is damaged: {error}") from error
    return tuple(skipped)
