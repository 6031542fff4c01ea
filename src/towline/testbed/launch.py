"""Start and end a testbed's supervisor from outside its namespaces."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from towline.errors import TestbedError
from towline.testbed import control, requirements
from towline.testbed.root_tree import root_tree
from towline.testbed.spec import testbed_of

BOOT_LIMIT = 240.0  # seconds; the supervisor's own limits are shorter and say more
END_LIMIT = 15.0  # seconds for the processes of a killed testbed to end
LOG = "supervisor.log"
_SOURCES = Path(__file__).parents[2]


def start(
    folder: Path,
    *,
    clusters: Sequence[str],
    accounting: bool | None,
    end_with: int | None,
    progress: Callable[[str], None],
) -> subprocess.Popen[str]:
    """Boot a testbed and return once every node of it is idle.

    Args:
        folder: its state folder; absent, empty, or left by a testbed that has ended.
        clusters: their names.
        accounting: run slurmdbd and MariaDB on the cloud cluster; None: if they are installed.
        end_with: the testbed ends when this process (its number) ends, however that happens.
        progress: told what is done next.

    Returns:
        The process whose end is the end of the testbed.

    Raises:
        TestbedError: something is missing here, a testbed is up in this folder, or a part did
            not boot; then nothing of it remains.

    """
    needed = bool(accounting)
    if missing := requirements.what_is_missing(needed):
        raise TestbedError("testbed", "; ".join(missing), requirements.install_line(needed))
    if accounting is None:
        accounting = not requirements.missing_packages(accounting=True)
    options: dict[str, Any] = {"folder": str(folder), "clusters": list(clusters)}
    options["accounting"] = accounting
    in_tree = any(cluster.in_tree for cluster in testbed_of(clusters).clusters)
    options["tree"] = str(root_tree(progress)) if in_tree else ""
    with _watched(end_with) as parent:
        _take_folder(folder)
        process = _start_supervisor(folder, options, parent)
    try:
        _wait_ready(process, folder, progress)
    except BaseException:
        process.kill()
        process.wait()
        _remove(folder)
        raise
    return process


@contextlib.contextmanager
def _watched(pid: int | None) -> Iterator[int | None]:
    """Open a process, so that the supervisor can see its end whatever happens to its number."""
    if pid is None:
        yield None
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:
        raise TestbedError(f"process {pid}", f"cannot be watched: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _start_supervisor(
    folder: Path, options: dict[str, Any], parent: int | None
) -> subprocess.Popen[str]:
    options = {**options, "parent": parent}
    namespaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    supervisor = [sys.executable, "-m", "towline.testbed.supervisor", json.dumps(options)]
    sources = os.pathsep.join(filter(None, [str(_SOURCES), os.environ.get("PYTHONPATH")]))
    with (folder / LOG).open("ab") as log:
        _claim(folder, log)
        return subprocess.Popen(
            [*requirements.way().value, *namespaces, "--propagation", "private", *supervisor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=() if parent is None else (parent,),
            env={**os.environ, "PATH": requirements.search_path(), "PYTHONPATH": sources},
            start_new_session=True,
            text=True,
        )


def _take_folder(folder: Path) -> None:
    if str(folder).startswith(("/run/", "/proc/")):
        raise TestbedError(f"testbed in {folder}", "needs a folder outside /run and /proc")
    if is_up(folder):
        raise _up_already(folder)
    if folder.exists() and any(folder.iterdir()):
        if not (folder / LOG).exists():
            raise TestbedError(f"testbed in {folder}", "the folder holds something else")
        _remove(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _remove(folder: Path) -> None:
    with (folder / LOG).open("ab") as log:
        _claim(folder, log)
        shutil.rmtree(folder)


def _claim(folder: Path, log: BinaryIO) -> None:
    """Lock the log; the lock is inherited by the supervisor and ends with its last process."""
    deadline = time.monotonic() + END_LIMIT
    while True:
        try:
            return fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # one that was just killed needs a moment to end; one that boots will answer
            if is_up(folder) or time.monotonic() > deadline:
                raise _up_already(folder) from None
        time.sleep(0.05)


def _up_already(folder: Path) -> TestbedError:
    return TestbedError(f"testbed in {folder}", "is up already", "towline testbed down")


def is_up(folder: Path) -> bool:
    """Tell whether a testbed's supervisor listens in the folder."""
    try:
        control.supervisor_pid(folder)
    except TestbedError:
        return False
    return True


def _wait_ready(
    process: subprocess.Popen[str], folder: Path, progress: Callable[[str], None]
) -> None:
    assert process.stdout  # noqa: S101 - it is a pipe
    deadline = time.monotonic() + BOOT_LIMIT
    doing = "making namespaces"
    with process.stdout as news:
        while True:
            if not select.select([news], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TestbedError("testbed", f"not up after {BOOT_LIMIT:.0f} s; still: {doing}")
            line = news.readline()
            if not line:
                log = (folder / LOG).read_text(errors="replace")[-2000:]
                raise TestbedError("testbed", f"the supervisor died while {doing}:\n{log}")
            said = json.loads(line)
            if "error" in said:
                raise TestbedError("testbed", f"failed while {doing}: {said['error']}")
            if "ready" in said:
                return
            doing = said["progress"]
            progress(doing)


def stop(folder: Path, process: subprocess.Popen[str] | None = None) -> None:
    """End a testbed and remove its folder; returns when none of its processes is left.

    Args:
        folder: its state folder.
        process: what ``start`` returned, when this process started it.

    Raises:
        TestbedError: the folder holds no testbed.

    """
    if is_up(folder):
        supervisor = os.pidfd_open(control.supervisor_pid(folder))
        signal.pidfd_send_signal(supervisor, signal.SIGKILL)
        select.select([supervisor], [], [])  # the kernel first ends all that it had started
        os.close(supervisor)
    elif not (folder / LOG).exists():
        raise TestbedError(f"testbed in {folder}", "is not up", "towline testbed up")
    if process:
        process.wait()
    _remove(folder)
