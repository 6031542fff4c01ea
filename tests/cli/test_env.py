"""``towline env`` on this machine, as a cluster of type local."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import parsl
import pytest

from towline.clusters import ClusterDefinition, ClusterStore

from .command import Towline


@pytest.fixture
def here(home: Path) -> Path:
    """Define this machine as a cluster; return its folder of environments."""
    ClusterStore().add(ClusterDefinition(name="here", type="local"))
    return home / ".towline/envs"


def test_a_check_brings_an_environment_and_tries_it(towline: Towline, here: Path) -> None:
    first = towline("env", "check", "here", "--package", "parsl")
    assert (first.exit_code, first.err) == (0, "")
    assert "brought there" in first.out
    assert f"Parsl {parsl.__version__}" in first.out
    again = towline("env", "check", "here", "--package", "parsl", "--json")
    assert again.data["worker"]["executable"] == again.data["python"]
    assert again.data["python"].startswith(str(here))


def test_what_was_brought_is_listed_shown_and_deleted(towline: Towline, here: Path) -> None:
    key = towline("env", "check", "here", "--package", "parsl", "--json").data["key"]
    listed = towline("env", "list", "here")
    assert listed.out.splitlines()[0].split() == [
        "environment",
        "kind",
        "MiB",
        "last",
        "used",
        "used",
        "by",
        "lock",
    ]
    assert key in listed.out
    shown = towline("env", "show", "here")
    assert key in shown.out
    assert any(line.split()[:2] == ["parsl", parsl.__version__] for line in shown.out.splitlines())
    lock = towline("env", "show", "here", key, "--json").data
    assert {pin["name"] for pin in lock["packages"]} >= {"parsl", "dill"}
    kept = towline("env", "gc", "here")
    assert kept.out == "0 of 2 deleted\n"
    assert f"would go: {key}" in towline("env", "gc", "here", "--older-than", "0", "--dry-run").out
    gone = towline("env", "gc", "here", "--older-than", "0", "--json").data
    assert [item["name"] for item in gone] == [key]
    for folder in here.iterdir():
        os.utime(folder / ".last_used", (1000, 1000))
    towline("env", "gc", "here", "--older-than", "0")
    assert list(here.iterdir()) == []


def test_a_cluster_without_environments_says_how_they_come(towline: Towline, here: Path) -> None:
    assert "towline env check here" in towline("env", "list", "here").out
    answer = towline("env", "show", "here")
    assert answer.exit_code == 5
    assert "has no environments" in answer.err


def test_an_existing_environment_is_tried_as_it_is(towline: Towline, here: Path) -> None:
    options = ("--kind", "existing", "--python", sys.executable)
    answer = towline("env", "check", "here", *options)
    assert (answer.exit_code, answer.err) == (0, "")
    assert f"Python {platform.python_version()}" in answer.out
    assert not here.exists()


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--kind", "existing"), "needs prefix, conda_env, python, modules or init", 2),
        (("--package", "parsel"), "did you mean parsl?", 2),
        (("--python", "2.7"), "python 2.7 is asked for", 5),
        (("--kind", "existing", "--prefix", "/nowhere"), "/nowhere/bin/python", 5),
        (("--image", "/x.sif", "--bind", "no/path"), "--bind: ", 2),
        (("--kind", "existing", "--module", "gcc '12"), "--module: ", 2),
        (("--root", "relative"), "is not a path on the cluster", 2),
    ],
)
def test_wrong_wishes_end_in_words(
    towline: Towline, here: Path, options: tuple[str, ...], said: str, code: int
) -> None:
    answer = towline("env", "check", "here", *options)
    assert answer.exit_code == code
    assert said in answer.err


def test_an_unknown_cluster_is_refused(towline: Towline, here: Path) -> None:
    answer = towline("env", "list", "there")
    assert answer.exit_code == 2
    assert "there" in answer.err
