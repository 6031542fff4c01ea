"""Unpack a ``tar`` from a cluster without trusting it."""

from __future__ import annotations

import tarfile
from pathlib import Path

from towline.errors import CopyFailed


def unpack(archive: Path, folder: Path) -> tuple[str, ...]:
    """Unpack into a new folder; return the names that were left out as unsafe.

    Unsafe is what :func:`tarfile.data_filter` refuses: names and links that lead out of the
    folder, devices, pipes. Nothing becomes writable for others.

    Raises:
        CopyFailed: the archive is damaged, or this Python cannot unpack safely.

    """
    if not hasattr(tarfile, "data_filter"):
        raise CopyFailed(
            "Python", "is too old to unpack a folder safely", "use Python 3.10.12, 3.11.4 or later"
        )
    skipped: list[str] = []

    def safe(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        try:
            allowed = tarfile.data_filter(member, path)
        except tarfile.FilterError:
            skipped.append(member.name)
            return None
        least = 0o700 if member.isdir() else 0o600
        return allowed.replace(mode=member.mode & 0o755 | least, deep=False)

    folder.mkdir()
    try:
        with tarfile.open(archive, "r:") as tar:
            tar.extractall(folder, filter=safe)  # noqa: S202 - `safe` checks every member
    except tarfile.TarError as error:
        raise CopyFailed(str(folder), f"the archive is damaged: {error}") from error
    return tuple(skipped)
