"""The root tree is made once, whole or not at all, and its absence is said in one sentence."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from towline.errors import TestbedError
from towline.testbed import Testbed, root_tree


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of mmdebstrap, which makes the tree with one file and counts its calls."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = tmp_path / "mmdebstrap"
    target = "for last; do target=$before; before=$last; done; target=${target:-x}"
    program.write_text(
        f"#!/bin/sh\n{target}\necho called >>{tmp_path}/calls\nsleep 0.3\n"
        f'mkdir -p "$target" && echo whole >"$target/file"\n. {tmp_path}/ending\n'
    )
    program.chmod(0o755)
    (tmp_path / "ending").write_text("exit 0\n")
    keyring = tmp_path / "keyring"
    keyring.touch()
    monkeypatch.setattr(root_tree, "KEYRING", str(keyring))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path


def test_whoever_comes_second_waits_for_the_first(recipe: Path) -> None:
    """Two test sessions at once make one tree."""
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(root_tree.root_tree())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(path / "file").read_text() for path in made} == {"whole\n"}
    assert (recipe / "calls").read_text() == "called\n"


def test_half_a_tree_is_none(recipe: Path) -> None:
    """A mirror that breaks off leaves nothing, and its words."""
    (recipe / "ending").write_text("echo 'E: mirror is away' >&2\nexit 1\n")
    with pytest.raises(TestbedError, match="mirror is away"):
        root_tree.root_tree()
    assert not [path for path in root_tree.tree_folder().parent.iterdir() if path.is_dir()]


def test_without_mmdebstrap_its_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests that need the tree are then skipped with this sentence."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(root_tree, "search_path", lambda: str(tmp_path))
    assert "apt-get install -y mmdebstrap" in root_tree.what_a_tree_lacks()


def test_an_unknown_cluster_is_refused_with_those_there_are(tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(TestbedError, match="onprem, cloud, sge, condor, slurm24"):
        Testbed(tmp_path / "state", clusters=["pbs"])
