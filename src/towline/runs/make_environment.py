"""Make the environment of a run's script: ``python -m towline.runs.make_environment FOLDER``.

A process of its own, so that the supervisor stays small: it imports what resolves, downloads and
links packages, and is gone before the script starts.
"""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from towline.errors import TowlineError
from towline.runs.folder import RunFolder, write_whole
from towline.runs.script import answer_path
from towline.runs.view import THIS_MACHINE
from towline.runs.workspace import python_for

FAILED = 5
"""Exit code for a failure that is no TowlineError: an environment's."""


def main(arguments: list[str]) -> int:
    """Make the environment; return 0, or the exit code of the error that the events now have."""
    signal.signal(signal.SIGTERM, _leave)
    folder = RunFolder.open(Path(arguments[0]))

    def report(event: str, /, **facts: Any) -> None:
        folder.events.append(event, **{"cluster": THIS_MACHINE, **facts})

    asked = folder.asked
    try:
        file = Path(asked.cwd, asked.environment or "")
        python = python_for(Path(asked.script), file, report)
        write_whole(answer_path(folder), python or asked.python)
    except TowlineError as error:
        folder.events.append("error", **error.as_dict())
        return error.exit_code
    except Exception as error:
        traceback.print_exc()
        cause = f"it cannot be made: {type(error).__name__}: {error}"
        folder.events.append(
            "error",
            error=type(error).__name__,
            thing="environment of the workspace",
            cause=cause,
            next=f"see {folder.supervisor_log}",
            exit_code=FAILED,
        )
        return FAILED
    return 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
