"""Find and end the processes of a run on the workspace, daemonised ones too."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from towline.runs.folder import VARIABLE, RunFolder
from towline.runs.process import start_mark

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    session: int
    arguments: tuple[str, ...]
    marked: bool  # carries the run's folder in TOWLINE_RUN


def belonging(
    table: Iterable[Process], *, sessions: Iterable[int], ancestor: int | None
) -> list[Process]:
    """Return the processes that a run's script has left, directly or not.

    A process belongs to the run when it carries the run's mark, sits in the script's session, or
    descends from either, or from ``ancestor`` (the supervisor, to which the kernel hands the
    daemonised ones). Left alone, with all below them, are the shared SSH connections and the
    supervisors of other runs: they are not this run's, even when its script started them.
    """
    known = {process.pid: process for process in table}
    members = set(sessions)

    def belongs(process: Process) -> bool:
        seen: set[int] = set()
        inside = False
        pid = process.pid
        while pid != ancestor and pid not in seen and (here := known.get(pid)):
            if _is_shared(here):
                return False
            inside = inside or here.marked or here.session in members
            seen.add(pid)
            pid = here.parent
        return inside or pid == ancestor

    spared = {os.getpid(), ancestor}
    return [p for p in known.values() if p.pid not in spared and belongs(p)]


def _is_shared(process: Process) -> bool:
    """Say whether a process serves more than the run that happened to start it."""
    program, *arguments = process.arguments or ("",)
    if program.startswith("ssh: "):  # a master that has detached itself names its socket
        return program.endswith("[mux]")
    master = program.rpartition("/")[2] == "ssh" and "-M" in arguments
    return master or "towline.runs.supervisor" in arguments


def processes_of(folder: RunFolder, session: int | None, ancestor: int | None) -> list[Process]:
    """Return what runs now of a run; see ``belonging``."""
    sessions = [] if session is None else [session]
    return belonging(_table(folder), sessions=sessions, ancestor=ancestor)


def end_processes(
    folder: RunFolder,
    session: int | None,
    ancestor: int | None,
    *,
    by_itself: float = 1.0,
    grace: float = 5.0,
) -> list[Process]:
    """End the run's processes; return those that not even SIGKILL could end.

    Args:
        folder: the run's.
        session: the script's session id, which is its pid.
        ancestor: the supervisor's pid; None when there is none.
        by_itself: seconds in which they may end untold, as link clients do when the script is gone.
        grace: seconds between SIGTERM and SIGKILL, and after SIGKILL.

    """
    for number, limit in ((None, by_itself), (signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        told: set[tuple[int, str | None]] = set()
        deadline = time.monotonic() + limit
        while left := processes_of(folder, session, ancestor):
            for process in left if number is not None else ():
                who = (process.pid, start_mark(process.pid))
                if number is not None and who not in told:
                    told.add(who)
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(process.pid, number)
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
            reap_adopted()
        else:
            return []
    return processes_of(folder, session, ancestor)


def reap_adopted() -> None:
    """Collect the dead among this process's children, adopted ones too."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _table(folder: RunFolder) -> list[Process]:
    mark = f"{VARIABLE}={folder.path}".encode()
    if not Path("/proc/self/stat").exists():
        return _table_by_psutil(folder)
    table = []
    own = os.getuid()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid != own:
                continue
            stat = Path(entry.path, "stat").read_bytes()
            state, parent, _, session = stat[stat.rindex(b")") + 2 :].split()[:4]
            if state in b"ZX":
                continue
            command = Path(entry.path, "cmdline").read_bytes()
            environment = _read(Path(entry.path, "environ"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        table.append(
            Process(
                int(entry.name),
                int(parent),
                int(session),
                tuple(command.decode(errors="replace").rstrip("\0 ").split("\0")),
                mark in environment.split(b"\0"),
            )
        )
    return table


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:  # a program that gave up its rights, such as ssh-agent
        return b""


def _table_by_psutil(folder: RunFolder) -> list[Process]:
    import psutil  # no /proc: macOS

    table = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            marked = process.environ().get(VARIABLE) == str(folder.path)
            session = os.getsid(process.pid)
            arguments = tuple(process.cmdline())
            table.append(Process(process.pid, process.ppid(), session, arguments, marked))
    return table
