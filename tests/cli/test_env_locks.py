"""``towline env lock``, ``diff`` and ``rebuild``, with this machine as a cluster of type local."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from environments.index_server import Index, make_wheel

from towline.clusters import ClusterDefinition, ClusterStore

from .command import Answer, Towline


@pytest.fixture
def executors(home: Path, index: Index) -> Path:
    """Define this machine as a cluster, and two executors with a spec each."""
    ClusterStore().add(ClusterDefinition(name="here", type="local"))
    for name, release in (("lib", "1.0"), ("lib", "2.0"), ("extra", "1.0")):
        make_wheel(index.folder, name, release)
    folder = home / "workflow"
    folder.mkdir()
    (folder / "one.txt").write_text("lib==1.0\n")
    (folder / "two.txt").write_text("lib\nextra\n")
    path = folder / "executors.json"
    keys = {label: {"POOL": "here", "ENV_SPEC": f"{label}.txt"} for label in ("one", "two")}
    keys["plain"] = {"POOL": "local"}
    keys["theirs"] = {"POOL": "here", "ENV_KIND": "existing", "PYTHON": "/usr/bin/python3"}
    path.write_text(json.dumps(keys))
    return path


def prefix(home: Path, key: str) -> Path:
    return home / ".towline/envs" / key


def rebuilt(towline: Towline, executors: Path, *options: str) -> tuple[Answer, str]:
    answer = towline("env", "rebuild", str(executors), "one", "--json", *options)
    assert answer.exit_code == 0, answer.err
    return answer, answer.data[0]["key"]


def test_locks_of_all_labels_are_made_and_shown(towline: Towline, executors: Path) -> None:
    """Nothing is sent anywhere; what is used as it is there has none."""
    answer = towline("env", "lock", str(executors))
    assert (answer.exit_code, answer.err) == (0, "")
    assert "one on here: uv, uv-" in answer.out
    assert "  lib==1.0 sha256:" in answer.out and "  extra==1.0 sha256:" in answer.out
    assert "theirs on here: used as it is there" in answer.out
    assert not (executors.parents[1] / ".towline/envs").exists()
    again = towline("env", "lock", str(executors), "one", "--json").data
    assert again[0]["request_id"] in answer.out
    assert again[0]["lines"][0].startswith("lib==1.0 sha256:")


def test_a_lock_is_renewed_only_when_asked(towline: Towline, executors: Path, index: Index) -> None:
    def versions(*options: str) -> str:
        return str(towline("env", "lock", str(executors), "two", *options).out)

    assert "lib==2.0" in versions()
    make_wheel(index.folder, "lib", "3.0")
    os.environ["UV_CACHE_DIR"] += "-fresh"
    assert "lib==2.0" in versions()
    assert "lib==3.0" in versions("--relock")
    assert "lib==3.0" in versions()


def test_two_locks_are_compared_by_label_or_id(towline: Towline, executors: Path) -> None:
    answer = towline("env", "diff", str(executors), "one", "--with", "two")
    assert answer.exit_code == 1
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["lib", "1.0", "2.0"] in rows and ["extra", "1.0"] in rows
    identity = towline("env", "lock", str(executors), "one", "--json").data[0]["request_id"]
    same = towline("env", "diff", str(executors), "one", "--with", identity)
    assert same.exit_code == 0
    assert "as locked" in same.out


def test_an_environment_that_is_not_there_yet_is_said(towline: Towline, executors: Path) -> None:
    answer = towline("env", "diff", str(executors), "one")
    assert answer.exit_code == 5
    assert "is not there yet" in answer.err and "towline env rebuild" in answer.err


def test_edits_by_hand_are_found_and_mended(towline: Towline, executors: Path, home: Path) -> None:
    """A package put in, one taken out, one changed; afterwards all is as locked."""
    _, key = rebuilt(towline, executors)
    assert towline("env", "diff", str(executors), "one").exit_code == 0
    own = next(prefix(home, key).glob("lib/python*/site-packages"))
    (packages,) = home.glob(".towline/envs/packages-*/lib/python*/site-packages")
    about = own / "stranger-9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: stranger\nVersion: 9\n")
    (packages / "lib.py").write_text("version = 'by hand'\n")
    answer = towline("env", "diff", str(executors), "one", "--json")
    assert answer.exit_code == 1
    found = {each["package"]: each for each in answer.data[0]["differences"]}
    assert found["stranger"]["after"] == "9" and found["stranger"]["before"] == ""
    assert found["lib"]["files"] == ["lib.py"]
    words = towline("env", "diff", str(executors), "one").out
    assert "2 packages differ" in words and "towline env rebuild" in words
    _, again = rebuilt(towline, executors)
    assert again == key
    assert towline("env", "diff", str(executors), "one").exit_code == 0
    assert not about.exists()
    assert not list(home.glob(".towline/envs/*.tmp.*"))


def test_a_python_that_is_gone_is_said_and_rebuilt(
    towline: Towline, executors: Path, home: Path
) -> None:
    _, key = rebuilt(towline, executors)
    (prefix(home, key) / "bin/python").unlink()
    answer = towline("env", "diff", str(executors), "one")
    assert answer.exit_code == 5
    assert "does not start" in answer.err
    rebuilt(towline, executors)
    assert towline("env", "diff", str(executors), "one").exit_code == 0


def test_what_a_run_uses_is_not_rebuilt_under_it(
    towline: Towline, executors: Path, home: Path
) -> None:
    """Neither the environment nor the packages that another environment in use stands on."""
    _, key = rebuilt(towline, executors)
    other = prefix(home, "uv-other")
    (other / ".used-by").mkdir(parents=True)
    (other / ".needs").write_text((prefix(home, key) / ".needs").read_text())
    (other / ".used-by/r7-0badcafe").touch()
    answer = towline("env", "rebuild", str(executors), "one")
    assert answer.exit_code == 5
    assert "is used by r7-0badcafe" in answer.err and "--force" in answer.err
    assert (prefix(home, key) / ".complete").exists()
    rebuilt(towline, executors, "--force")


def test_lists_name_the_kind_and_the_lock(towline: Towline, executors: Path) -> None:
    _, key = rebuilt(towline, executors)
    lock = towline("env", "lock", str(executors), "one", "--json").data[0]["request_id"]
    listed = [line.split() for line in towline("env", "list", "here").out.splitlines()]
    assert next(row for row in listed if row[0] == key)[1] == "uv"
    assert next(row for row in listed if row[0] == key)[-1] == lock
    shown = [line.split() for line in towline("env", "show", "here", key).out.splitlines()]
    assert ["lock", lock] in shown
    assert [row[:2] for row in shown].count(["lib", "1.0"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lock", "absent.json"), "absent.json: cannot be read"),
        (("lock", "{}", "nobody"), "has no such label; it has one, two"),
        (("diff", "{}", "one", "--with", "nobody"), "has no such label"),
        (("rebuild", "{}", "theirs"), "is not ours: nothing to rebuild"),
        (("lock", "{}", "theirs"), "nothing is locked"),
    ],
)
def test_what_cannot_be_done_is_said(
    towline: Towline, executors: Path, words: tuple[str, ...], said: str
) -> None:
    answer = towline("env", *(word.replace("{}", str(executors)) for word in words))
    assert answer.exit_code in (2, 5)
    assert said in answer.err


def test_a_sync_environment_has_a_lock_too(towline: Towline, executors: Path) -> None:
    keys = {"copy": {"cluster": "here", "packages": ["parsl"]}}
    executors.write_text(json.dumps(keys))
    answer = towline("env", "lock", str(executors))
    assert "copy on here: sync, sync-" in answer.out
    assert any(line.startswith("  parsl==") for line in answer.out.splitlines())


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("./no such.json", "has no such label; it has one, two"),
        ("plain", "on the script's own Python: it has no environment"),
    ],
)
def test_what_cannot_be_compared_is_said(
    towline: Towline, executors: Path, other: str, words: str
) -> None:
    """A path that is neither a label nor a lock, and an executor that runs on the workspace."""
    answer = towline("env", "diff", str(executors), "one", "--with", other)
    assert (answer.exit_code, answer.out) == (2, "")
    assert words in answer.err


def test_an_executor_on_the_workspace_is_not_passed_over_in_silence(
    towline: Towline, executors: Path
) -> None:
    answer = towline("env", "lock", str(executors), "plain")
    assert answer.exit_code == 2
    assert "it has no environment" in answer.err


def test_a_diff_says_what_it_cannot_compare(towline: Towline, executors: Path) -> None:
    keys = json.loads(executors.read_text())
    executors.write_text(json.dumps({"theirs": keys["theirs"]}))
    answer = towline("env", "diff", str(executors))
    assert answer.exit_code == 0
    assert "theirs on here: used as it is there, nothing is locked" in answer.out
