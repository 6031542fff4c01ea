"""Which of a run folder's files are shown: a list of what may be, not of what may not."""

from __future__ import annotations

TOP_FILES = frozenset(
    {
        "stdout.log",
        "stderr.log",
        "supervisor.log",
        "events.jsonl",
        "inputs.json",
        "executors.completed.json",
    }
)
"""Of the folder itself. Not the ledger, the keeper, locks, and what a later version may add."""

WHOLE_FOLDERS = frozenset({"blocks", "tasks", "work"})
"""Shown with all that is in them: output of jobs, records of tasks, the script's own folder."""

LOGS_ONLY = frozenset({"parsl"})
"""Beside its logs Parsl keeps the keys of its encrypted connections there."""


def is_shown(path: tuple[str, ...], is_folder: bool) -> bool:
    """Say whether a path below a run folder may be shown.

    Args:
        path: its parts; the first is in the run folder itself.
        is_folder: whether it is a folder.

    """
    if not path:
        return is_folder
    top = path[0]
    if len(path) == 1:
        if is_folder:
            return top in WHOLE_FOLDERS or top in LOGS_ONLY
        return top in TOP_FILES
    if top in LOGS_ONLY:
        if any(part.startswith("certificates") for part in path):
            return False
        return is_folder or path[-1].endswith(".log")
    return top in WHOLE_FOLDERS
