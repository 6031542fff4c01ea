"""What is wrong is said in words before anything is submitted, with the exit code that is its."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from towline.clusters import ClusterStore
from towline.clusters.on_testbed import definition_of, redefine
from towline.testbed import Testbed

from .conftest import NothingLeft, Start
from .towline_run import Ended

LOAD = """\
import towline
with towline.load():
    print("loaded")
"""


def executors(**facts: Any) -> dict[str, Any]:
    """Return one executor, `a` on onprem, with these keys."""
    return {"a": {"cluster": "onprem", "packages": ["parsl"], **facts}}


def said(ended: Ended, exit_code: int, *words: str) -> None:
    """Assert on exit code and words, and that the user sees no traceback."""
    assert ended.exit_code == exit_code, ended
    for word in words:
        assert word in ended.words, ended
    assert "Traceback" not in ended.words, ended
    assert "loaded" not in ended.output


def test_an_unknown_host_key_is_shown_with_the_command_that_accepts_it(
    clusters: Testbed, start: Start, nothing_left: NothingLeft, tmp_path: Path
) -> None:
    """A person decides on a host key; Towline only shows its fingerprint."""
    config = tmp_path / "ssh_config"
    config.write_text(
        re.sub(
            "UserKnownHostsFile .*",
            f"UserKnownHostsFile {tmp_path}/none",
            clusters.ssh_config.read_text(),
        )
    )
    redefine(clusters, "onprem", ssh_config=str(config))
    ended = start(LOAD, executors()).end()
    said(ended, 3, "cluster onprem", "SHA256:", "next:", "towline cluster login onprem")
    nothing_left(ended.run)


def test_a_wrong_user_is_told_from_a_wrong_host(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The host answers, and does not take the key for this user."""
    redefine(clusters, "onprem", user="nosuchuser")
    ended = start(LOAD, executors()).end()
    said(ended, 3, "cluster onprem", "nosuchuser", "publickey", "next:")
    nothing_left(ended.run)


def test_a_host_that_cannot_be_reached_is_named(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The cluster that could be reached meanwhile is left clean, too."""
    wanted = {**executors(), "b": {"cluster": "cloud", "packages": ["parsl"]}}
    with clusters.cut("onprem"):
        ended = start(LOAD, wanted).end()
    said(ended, 3, "error: cluster onprem", "next:")
    nothing_left(ended.run)


def test_a_controller_without_sbatch_is_said_to_have_none(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """It is found out before anything is made there."""
    ClusterStore().add(definition_of(clusters, "gate"))
    clusters.exec("gate", ["mount", "--bind", "/dev/null", "/usr/bin/sbatch"])
    try:
        ended = start(LOAD, executors(cluster="gate")).end()
    finally:
        clusters.exec("gate", ["umount", "/usr/bin/sbatch"])
    said(ended, 4, "cluster gate", "sbatch is not on the PATH", "towline cluster check gate")
    nothing_left(ended.run)


@pytest.mark.parametrize(
    ("wrong", "exit_code", "words"),
    [
        ({"partition": "compte"}, 2, ("onprem/a", "no partition 'compte'", "mean compute?")),
        ({"walltime": "48:00:00"}, 4, ("onprem/a", "01:00:00", "Nothing was submitted", "lower")),
        ({"partitoin": "compute"}, 2, ("executors.json: a.partitoin", "did you mean partition?")),
    ],
    ids=["partition", "walltime", "key"],
)
def test_what_an_executor_may_not_ask_for_is_refused(
    start: Start,
    nothing_left: NothingLeft,
    wrong: dict[str, Any],
    exit_code: int,
    words: tuple[str, ...],
) -> None:
    """A typing error, or more than the partition gives, and what would be right."""
    ended = start(LOAD, executors(**wrong)).end()
    said(ended, exit_code, *words)
    nothing_left(ended.run)


def test_another_python_on_the_cluster_is_refused(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Functions travel as byte-code, which no other minor version can read."""
    python = f"{clusters.clusters['onprem'].home}/py/bin/python"
    clusters.ssh(
        "onprem",
        f"mkdir -p py/bin && cat > {python} && chmod +x {python}",
        input="""#!/bin/sh\npython3 "$@" | sed 's/"version": "[0-9.]*"/"version": "3.13.5"/'\n""",
    )
    ended = start(LOAD, executors(environment="existing", prefix="~/py")).end()
    said(ended, 5, "onprem/a", "3.13.5", "byte-code", "Nothing was submitted", "next:")
    nothing_left(ended.run)


def test_a_disk_that_fills_up_during_a_push_is_said_to_be_full(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Nothing of the half-sent environment stays."""
    wanted = executors(env_root="~/another-root")
    with clusters.fill_disk("onprem", leave_bytes=8 << 20):
        ended = start(LOAD, wanted).end()
    said(ended, 4, "cluster onprem", "the environment takes", "next:", "free some space")
    left = clusters.ssh("onprem", "find another-root -mindepth 1 -type f; rm -rf another-root")
    assert left.stdout == ""
    nothing_left(ended.run)


def test_a_script_that_is_no_python_does_not_become_a_run(
    start: Start, nothing_left: NothingLeft
) -> None:
    """The line of the error is shown."""
    started = start("import towline\nwith towline.load()\n    pass\n", executors())
    said(started.end(), 2, "script.py:2", "is not Python")
    nothing_left()


def test_a_script_that_raises_ends_with_1_and_leaves_nothing(
    start: Start, nothing_left: NothingLeft
) -> None:
    """The user's own traceback is shown as Python prints it, and the last line is the reason."""
    ended = start(LOAD + "    raise ValueError('my own mistake')\n", executors()).end()
    assert ended.exit_code == 1, ended
    assert "ValueError: my own mistake" in ended.words
    assert "Traceback (most recent call last)" in ended.words
    assert "because    ValueError: my own mistake" in ended.words
    assert "leftovers: none" in ended.words
    nothing_left(ended.run)
