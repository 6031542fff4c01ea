"""The machine itself as the controller of a cluster of type local."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from towline.clusters import LocalShell, connect, define
from towline.errors import CommandTimedOut, SiteError


def test_a_script_runs_with_its_input_and_all_it_says_comes_back() -> None:
    result = LocalShell("here").run("cat; echo gone >&2; exit 3", input=b"hello")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "hello", "gone\n")


def test_a_script_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(CommandTimedOut, match="took over"):
        LocalShell("here").run(f"sleep 60 & echo $! >{pid_file}; wait", timeout=0.5)
    state = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    deadline = time.monotonic() + 20
    while runs(state):  # it was killed; the kernel takes a moment
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(state: Path) -> bool:
    """Return whether the process behind a file of /proc is more than a zombie."""
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_failure_is_raised_in_the_scripts_words_when_asked_for() -> None:
    with pytest.raises(SiteError, match="no such thing"):
        LocalShell("here").run("echo no such thing >&2; false", check=True)


def test_the_way_to_a_local_cluster_is_this_machine() -> None:
    shell = connect(define("here", type="local"))
    assert shell.run("id -u").stdout == f"{os.getuid()}\n"
