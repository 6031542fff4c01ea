"""Lines of shell that every scheduler's scripts have in common."""

from __future__ import annotations

import posixpath

from towline.clusters import ClusterFacts
from towline.ssh import quote

ANSWER_SECONDS = 20
"""A query on a busy site takes seconds; a hung one must not hold the batch thread."""


def path_line(facts: ClusterFacts, submit_command: str) -> str:
    """Return the sh lines that let a scheduler's commands be found, and let them find it.

    Sites put them on the PATH in a profile, with variables such as ``SGE_ROOT``; a command over
    SSH does not read it, but the probe did.
    """
    folder = posixpath.dirname(facts.tools.get(submit_command, ""))
    path = f"PATH=$PATH:{quote(folder)}; export PATH\n" if folder else ""
    settings = facts.scheduler_settings.items()
    return path + "".join(f"export {name}={quote(value)}\n" for name, value in settings)


def bounded(command: str, seconds: int = ANSWER_SECONDS) -> str:
    """Return a command that is ended when it does not answer, where there is a ``timeout``."""
    return f"$(command -v timeout >/dev/null && echo timeout {seconds}) {command}"
