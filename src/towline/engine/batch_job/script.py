"""What runs on the node: short sh that runs the program once and leaves its exit code; pure.

Beside the working folder ``work`` it keeps ``stdout`` and ``stderr`` (the program's own, written
as they come), ``begun`` and, at the end, ``exit``: the exit code and the size of both outputs, in
its first line. Room for that is taken before the program begins, which may fill the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from towline.ssh import quote

NOT_AGAIN = 98
"""Exit code of a job that a scheduler starts a second time; only ``begun`` says so for sure."""

PYTHON = "python"
"""A program of this name is Python 3 where there is no ``python``, as on most systems of today."""

_FIND_PYTHON = "towline_python=$(command -v python || command -v python3 || echo python)"

_SCRIPT = """\
cd @FOLDER@/work || exit 96
if ! mkdir ../begun 2>/dev/null; then
  echo "started again by the scheduler: not run twice" >&2
  exit @NOT_AGAIN@
fi
@VARIABLES@
printf '%99s\\n' '' >../exit.new
trap : TERM INT XCPU USR1 USR2
( exec @PROGRAM@ ) >../stdout 2>../stderr </dev/null
code=$?
echo "$code $(wc -c <../stdout) $(wc -c <../stderr)" 1<>../exit.new && mv ../exit.new ../exit
exit "$code"
"""


def job_script(folder: str, argv: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return the sh script of a job.

    The program runs once: it is not begun again when a scheduler starts the job a second time.
    A signal that the scheduler sends before its kill reaches the program, and not this script.

    Args:
        folder: the run's on the cluster, absolute; nodes see it.
        argv: each word is quoted, whatever it holds.
        variables: set for the program.

    """
    exports = "\n".join(f"export {name}={quote(value)}" for name, value in variables.items())
    program = quote(*argv)
    if argv[0] == PYTHON:
        exports += f"\n{_FIND_PYTHON}"
        program = f'"$towline_python" {quote(*argv[1:])}' if argv[1:] else '"$towline_python"'
    return (
        _SCRIPT.replace("@FOLDER@", quote(folder))
        .replace("@NOT_AGAIN@", str(NOT_AGAIN))
        .replace("@VARIABLES@", exports)
        .replace("@PROGRAM@", program)
    )


def moved(words: Sequence[str], here: str, there: str) -> list[str]:
    """Return words with paths below a folder of the workspace led to its copy on the cluster."""
    return [
        there + word.removeprefix(here) if word == here or word.startswith(f"{here}/") else word
        for word in words
    ]
