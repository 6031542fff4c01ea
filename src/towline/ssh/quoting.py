"""The one place where words become POSIX shell."""

from __future__ import annotations

import shlex


def quote(*words: str) -> str:
    """Return the words, each quoted for POSIX ``sh``, separated by blanks."""
    return shlex.join(words)


def quote_path(path: str) -> str:
    """Return a remote path quoted for POSIX ``sh``, safe as an argument of any command.

    ``~`` and ``~/…`` mean the remote home; a relative path starts there too and cannot be taken
    for an option.
    """
    if path == "~":
        return '"$HOME"'
    if path.startswith("~/"):
        return f'"$HOME"/{shlex.quote(path[2:])}'
    return shlex.quote(path if path.startswith("/") else f"./{path}")
