"""Make a scheduler command hang, fail or answer late on a controller.

Every scheduler command has a wrapper in ``/usr/local/bin``, first on a login's PATH. Without a
fault it runs the real command at once. A fault is a folder on the controller's disk with a script
that the wrapper reads; a fault for a number of times also holds as many empty folders, and whoever
removes one has the turn, so that two commands at once never share it.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from towline.testbed.spec import SchedulerName

WRAPPED_COMMANDS: dict[SchedulerName, tuple[str, ...]] = {
    "slurm": ("sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"),
    "gridengine": ("qacct", "qconf", "qdel", "qhost", "qstat", "qsub"),
    "condor": ("condor_history", "condor_q", "condor_rm", "condor_status", "condor_submit"),
}
FAULTS_FOLDER = "/var/lib/command-faults"

_WRAPPER = """\
#!/bin/sh
real=/usr/bin/{command}
fault={folder}/{command}
if [ -r "$fault/script" ]; then . "$fault/script"; fi
exec "$real" "$@"
"""

_SCRIPT = """\
my_turn() {{
  [ -d "$fault/turns" ] || return 0
  for turn in "$fault"/turns/*; do rmdir "$turn" 2>/dev/null && return 0; done
  return 1
}}
if my_turn; then
{body}
fi
"""

_BODIES = {
    "hang": 'while [ -e "$fault/script" ]; do sleep 0.3; done',
    "fail": "printf '%s\\n' {message} >&2\nexit {exit_code}",
    "late": "sleep {seconds}",
    "late_answer": (
        'answer=$("$real" "$@"); status=$?\nsleep {seconds}\n'
        '[ -z "$answer" ] || printf \'%s\\n\' "$answer"\nexit $status'
    ),
    "lost_answer": (
        '"$real" "$@" >/dev/null 2>&1\nprintf \'%s\\n\' {message} >&2\nexit {exit_code}'
    ),
}

FaultKind = Literal["hang", "fail", "late", "late_answer", "lost_answer"]


@dataclass(frozen=True)
class CommandFault:
    """What a scheduler command does instead of its work.

    Args:
        kind: ``hang`` until healed; ``fail`` without doing anything; ``late``: start the work
            after ``seconds``; ``late_answer``: do it at once but answer after ``seconds``;
            ``lost_answer``: do it, then fail as if nothing had been done.
        seconds: for the late kinds.
        message: printed on standard error by ``fail`` and ``lost_answer``.
        exit_code: of ``fail`` and ``lost_answer``.
        times: how many calls are hit; None for every call until healed.

    """

    kind: FaultKind
    seconds: float = 0.0
    message: str = ""
    exit_code: int = 1
    times: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as it travels to the supervisor."""
        return asdict(self)


def wrapper(command: str) -> str:
    """Return the text of a command's wrapper."""
    return _WRAPPER.format(command=command, folder=FAULTS_FOLDER)


def script(fault: CommandFault) -> str:
    """Return the shell text that the wrapper reads."""
    body = _BODIES[fault.kind].format(
        message=shlex.quote(fault.message),
        seconds=float(fault.seconds),
        exit_code=int(fault.exit_code),
    )
    return _SCRIPT.format(body=body)


def install(faults_folder: Path, command: str, fault: CommandFault) -> None:
    """Put a fault in place on a controller's disk, in place of the command's earlier one."""
    remove(faults_folder, command)
    folder = faults_folder / command
    folder.mkdir()
    if fault.times is not None:
        turns = folder / "turns"
        turns.mkdir()
        for number in range(fault.times):
            (turns / str(number)).mkdir()
        turns.chmod(0o777)  # the cluster's users take the turns
    unfinished = folder / "script.new"
    unfinished.write_text(script(fault))
    unfinished.rename(folder / "script")


def remove(faults_folder: Path, command: str) -> None:
    """Heal a command; what hangs in it goes on with the real work."""
    folder = faults_folder / command
    (folder / "script").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
