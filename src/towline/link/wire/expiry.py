"""What the agent does when the workspace is gone for good."""

import os
import shutil
import subprocess
import time
from typing import List

from .folder import Log, write_json
from .names import EXPIRED

SCRIPT_SECONDS = 120.0
"""Time limit of the expiry script; then it and its children are killed."""

OUTPUT_BYTES = 16 * 1024


class ExpiryOrders:
    """What the client told the agent to do should it be left alone.

    Args:
        script: POSIX sh, run in the run's folder with /bin/sh reading it from stdin.
        remove: paths below the run's folder that are removed even if the script hangs.

    """

    def __init__(self, script: str = "", remove: "List[str]" = []) -> None:  # noqa: B006
        self.script = script
        self.remove = list(remove)
        for path in self.remove:
            parts = path.split("/")
            if os.path.isabs(path) or ".." in parts or not path.strip("./"):
                raise ValueError(f"not a path below the run's folder: {path!r}")


def expire(folder: str, orders: ExpiryOrders, reason: str, log: Log) -> None:
    """Remove private files, run the script, mark the run's folder as expired."""
    for path in orders.remove:
        _remove(os.path.join(folder, path), log)
    outcome = "no script"
    if orders.script:
        log.write("expiry script starts")
        outcome = _run(folder, orders.script, log)
        log.write("expiry script: " + outcome)
    if os.path.isdir(folder):
        facts = {"reason": reason, "script": outcome, "time": time.time()}
        try:
            write_json(os.path.join(folder, EXPIRED), facts)
        except OSError as error:
            log.write(f"cannot mark the folder as expired: {error}")


def _run(folder: str, script: str, log: Log) -> str:
    try:
        process = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder if os.path.isdir(folder) else "/",
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot start sh: {error}"
    try:
        output = process.communicate(script.encode(), timeout=SCRIPT_SECONDS)[0]
        outcome = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        output = process.communicate()[0]
        outcome = f"killed after {SCRIPT_SECONDS:.0f} s"
    for line in output[-OUTPUT_BYTES:].decode("utf-8", "replace").splitlines()[-40:]:
        log.write("expiry script says: " + line)
    return outcome


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, 9)
    except OSError:
        pass


def _remove(path: str, log: Log) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.write(f"cannot remove {path}: {error}")
