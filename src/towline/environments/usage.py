"""Which runs use an environment, noted beside it so that a clean-up leaves it alone."""

from __future__ import annotations

import posixpath
import re
import shlex

from towline.environments.cluster_side import Connection
from towline.environments.environment import Environment

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def mark_used(environment: Environment, connection: Connection, tag: str) -> bool:
    """Note that a run uses the environment; return whether it could be noted.

    An environment that is not ours needs no note: nothing ever deletes it.
    """
    marker = _marker(environment, tag)
    script = f"[ -e {shlex.quote(environment.prefix)}/.complete ] && : >{marker}\n"
    return not environment.ours or _run(connection, f"mkdir -p {_folder(environment)}\n{script}")


def unmark_used(environment: Environment, connection: Connection, tag: str) -> bool:
    """Take the note of a run away; return whether it is away now."""
    return not environment.ours or _run(connection, f"rm -f {_marker(environment, tag)}\n")


def _folder(environment: Environment) -> str:
    return shlex.quote(posixpath.join(environment.prefix, ".used-by"))


def _marker(environment: Environment, tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is not a run's tag")
    return shlex.quote(posixpath.join(environment.prefix, ".used-by", tag))


def _run(connection: Connection, script: str) -> bool:
    return bool(connection.run(script, timeout=30).exit_code == 0)
