"""Where Towline keeps its files on the workspace.

``TOWLINE_HOME`` puts everything but the sockets under one folder; otherwise the XDG folders hold.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)
_OF_THE_DATABASE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it cannot be written to",
    "SQLITE_CANTOPEN": "it cannot be opened",
    "SQLITE_IOERR": "the disk has failed, or is full",
    "SQLITE_NOTADB": "it is damaged: no database",
    "SQLITE_CORRUPT": "it is damaged",
}


def disk_fault(error: BaseException | None) -> str | None:
    """Return in words what is wrong with the disk below one of these folders.

    Args:
        error: any error; those that it came from are looked at, too.

    Returns:
        None when the error has nothing to do with the disk.

    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            return os.strerror(error.errno)
        name = str(getattr(error, "sqlite_errorname", ""))
        for code, words in _OF_THE_DATABASE.items():
            if name.startswith(code):
                return f"the database: {words}"
        error = error.__cause__ or error.__context__
    return None


def _xdg(variable: str, fallback: str, inside_home: str) -> Path:
    if home := os.environ.get("TOWLINE_HOME"):
        return Path(home).absolute() / inside_home
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "towline"


def config_folder() -> Path:
    """Return the folder of what the user writes: cluster definitions, settings."""
    return _xdg("XDG_CONFIG_HOME", ".config", "config")


def state_folder() -> Path:
    """Return the folder of what must not be lost: run folders."""
    return _xdg("XDG_STATE_HOME", ".local/state", "state")


def cache_folder() -> Path:
    """Return the folder of what can be made again: built environments, observed facts."""
    return _xdg("XDG_CACHE_HOME", ".cache", "cache")


def runtime_folder() -> Path:
    """Return the private folder (mode 0700) of control sockets; created when absent.

    It lies in ``/tmp``, or in ``TOWLINE_RUNTIME_DIR``, and is short on purpose: a socket's path may
    have at most 107 bytes. Not in ``XDG_RUNTIME_DIR``: systemd removes that at log-out, and with it
    the connections of detached runs; and cron has none, so it would log in a second time. With
    ``TOWLINE_HOME`` the folder is its own, so that two homes never share a connection.

    Raises:
        PermissionError: when the folder exists and belongs to somebody else.

    """
    name = f"towline-{os.getuid()}"
    if home := os.environ.get("TOWLINE_HOME"):
        import hashlib  # 3 MB that a supervisor without TOWLINE_HOME need not hold

        name += "-" + hashlib.sha256(os.fsencode(Path(home).absolute())).hexdigest()[:8]
    base = os.environ.get("TOWLINE_RUNTIME_DIR") or "/tmp"  # noqa: S108 - checked below
    folder = Path(base) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} is not private to this user; remove it")
    return folder
