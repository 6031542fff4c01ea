"""Lines that a block runs on its first node, before its worker."""

from __future__ import annotations

import shlex

from towline.environments.cluster_side import program
from towline.environments.environment import Environment

EXIT_NO_ENVIRONMENT = 97
"""Exit code of a block whose node does not see the environment."""

EXIT_NO_CONTROLLER = 98
"""Exit code of a block whose node cannot reach the controller."""

VISIBLE_SECONDS = 30
"""For so long a node may not see a fresh folder: NFS remembers that it was not there."""

REACH_SECONDS = 10


def node_check_lines(environment: Environment, address: str, port: int) -> str:
    """Return sh lines that end a block, in words, where no worker could work.

    They come after the environment's activation. What they say goes to standard error, as
    ``towline: …``; the exit code is 97 when the environment is not to be seen on the node, 98 when
    the controller's address and port are not to be reached from it.

    Args:
        environment: the environment of the block's workers.
        address: the controller's address as its nodes reach it; may be a shell variable, ``$NAME``.
        port: the link's port there.

    """
    text = program(
        "node_check",
        python=environment.python,
        address=address,
        port=str(port),
        visible_seconds=str(VISIBLE_SECONDS),
        reach_seconds=str(REACH_SECONDS),
    )
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return f"sh -c {shlex.quote(chr(10).join(lines))} || exit $?\n"
