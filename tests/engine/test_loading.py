"""The ways into and out of towline.load() and towline.config(), as whole scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from towline.runs import RunFolder
from towline.testbed import Testbed

HEAD = """
import platform, sys, time
import parsl, towline
EXECUTORS = {"a": {"cluster": "onprem", "packages": ["parsl"]}}
where = parsl.python_app(platform.node, executors=["a"])
"""

WITHOUT_WITH = "towline.load(EXECUTORS)\nprint(where().result())\n"
CONFIG = "parsl.load(towline.config(EXECUTORS))\nprint(where().result())\n"
CONFIG_IN_WITH = "with parsl.load(towline.config(EXECUTORS)):\n    print(where().result())\n"
RAISES = "towline.load(EXECUTORS)\nprint(where().result())\nraise ValueError('mine')\n"
WAITS = (
    "with towline.load(EXECUTORS):\n    print(where().result(), flush=True)\n    time.sleep(600)\n"
)


def start(folder: Path, text: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(HEAD + text)
    return subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("text", "code", "state"),
    [
        (WITHOUT_WITH, 0, "succeeded"),
        (CONFIG, 0, "succeeded"),
        (CONFIG_IN_WITH, 0, "succeeded"),
        (RAISES, 1, "failed"),
    ],
)
def test_a_script_that_just_ends_leaves_nothing(
    clusters: Testbed,
    leftovers: Callable[[], list[str]],
    tmp_path: Path,
    text: str,
    code: int,
    state: str,
) -> None:
    """No context manager is needed: the end of the script cleans up, whatever ended it."""
    script = start(tmp_path, text)
    stdout, stderr = script.communicate(timeout=120)
    assert script.returncode == code, stderr
    assert stdout.strip() in {"onprem-n1", "onprem-n2"}
    run = RunFolder.all()[0]
    assert run.ledger.open_entries() == []
    last = run.events.last()
    assert last is not None
    assert (last.name, last.facts["state"]) == ("ended", state)
    assert leftovers() == []


def test_ctrl_c_in_a_plain_script_is_a_cancelled_run(
    clusters: Testbed, leftovers: Callable[[], list[str]], tmp_path: Path
) -> None:
    """The whole process group gets it, as from a terminal; the script cleans up and says so."""
    script = start(tmp_path, WAITS)
    assert script.stdout is not None
    assert script.stdout.readline().startswith("onprem-n")
    os.killpg(script.pid, signal.SIGINT)
    script.communicate(timeout=60)
    assert script.returncode != 0
    last = RunFolder.all()[0].events.last()
    assert last is not None
    assert last.facts["state"] == "cancelled"
    assert leftovers() == []


def test_a_workspace_whose_path_has_a_space(
    clusters: Testbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parsl names its script on a command line; ours goes another way."""
    spaced = tmp_path / "my home"
    (tmp_path / "home").rename(spaced)
    monkeypatch.setenv("TOWLINE_HOME", str(spaced))
    script = start(tmp_path, "with towline.load(EXECUTORS):\n    print(where().result())\n")
    stdout, stderr = script.communicate(timeout=120)
    assert script.returncode == 0, stderr
    assert stdout.startswith("onprem-n")


def test_a_dead_interchange_does_not_hold_the_other_cluster(
    clusters: Testbed, leftovers: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Parsl has one scaling thread for all: it must not wait for the dead one."""
    script = start(
        tmp_path,
        """
EXECUTORS["b"] = {"cluster": "cloud", "packages": ["parsl"], "init_blocks": 0}
there = parsl.python_app(platform.node, executors=["b"])
with towline.load(EXECUTORS) as dfk:
    where().result()
    dfk.executors["a"].interchange_proc.kill()
    print(there().result())
""",
    )
    stdout, stderr = script.communicate(timeout=120)
    assert script.returncode == 0, stderr
    assert stdout.startswith("cloud-n")
    errors = [event.facts for event in RunFolder.all()[0].events.read() if event.name == "error"]
    assert [facts["error"] for facts in errors] == ["InterchangeLost"]
    assert leftovers() == []


def test_the_trial_on_a_node_comes_before_any_block(
    clusters: Testbed, leftovers: Callable[[], list[str]], tmp_path: Path
) -> None:
    """``preflight: compute`` runs a small job first."""
    script = start(tmp_path, TRIAL.format(root="~/.towline/envs"))
    stdout, stderr = script.communicate(timeout=180)
    assert script.returncode == 0, stderr
    assert stdout.startswith("onprem-n")
    names = [event.name for event in RunFolder.all()[0].events.read()]
    assert names.index("preflight") < names.index("block")
    assert leftovers() == []


def test_the_trial_finds_what_only_a_node_can_tell(
    clusters: Testbed, leftovers: Callable[[], list[str]], tmp_path: Path
) -> None:
    """An environment in a folder that nodes do not share: said before any block is submitted."""
    script = start(tmp_path, TRIAL.format(root="/tmp/towline-envs"))
    _, stderr = script.communicate(timeout=180)
    assert script.returncode != 0
    assert "/tmp/towline-envs" in stderr
    assert "No block was submitted" in stderr
    assert "block" not in [event.name for event in RunFolder.all()[0].events.read()]
    assert leftovers() == []


TRIAL = """
import towline.environments.node_check
towline.environments.node_check.VISIBLE_SECONDS = 2  # no network file system here that lags behind
EXECUTORS["a"] |= {{"preflight": "compute", "env_root": "{root}"}}
with towline.load(EXECUTORS):
    print(where().result())
"""
