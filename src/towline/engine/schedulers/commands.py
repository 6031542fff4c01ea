"""Lines of shell that every scheduler's scripts have in common."""

from __future__ import annotations

import posixpath

from towline.clusters import ClusterFacts
from towline.ssh import quote

ANSWER_SECONDS = 20
"""A query on a busy site takes seconds; a hung one must not hold the batch thread."""


def path_line(facts: ClusterFacts, submit_command: str) -> str:
    """Return the sh line that puts a scheduler's commands on the PATH.

    Sites add them in a profile, which a command over SSH does not read; the probe found them.
    """
    folder = posixpath.dirname(facts.tools.get(submit_command, ""))
    return f"PATH=$PATH:{quote(folder)}; export PATH\n" if folder else ""


def bounded(command: str, seconds: int = ANSWER_SECONDS) -> str:
    """Return a command that is ended when it does not answer, where there is a ``timeout``."""
    return f"$(command -v timeout >/dev/null && echo timeout {seconds}) {command}"
