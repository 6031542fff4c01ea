"""What is remembered of a cluster, and when it is looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline import folders
from towline.clusters import (
    ClusterFacts,
    LocalShell,
    Partition,
    define,
    forget_facts,
    load_facts,
    recall_facts,
)
from towline.clusters.facts_cache import keep_last_known, remember_facts
from towline.errors import ReachError
from towline.ssh import CommandResult

HERE = define("here", type="local")


@pytest.fixture(autouse=True)
def towline_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # shims of a Python manager are slow


class CountingShell(LocalShell):
    """The machine itself, with the scripts counted."""

    scripts = 0

    def run(self, *args: object, **options: object) -> CommandResult:
        """Run and count a script."""
        self.scripts += 1
        return super().run(*args, **options)  # type: ignore[arg-type]


class BrokenShell(LocalShell):
    """A controller that cannot be reached."""

    def run(self, *args: object, **options: object) -> CommandResult:
        """Raise as a connection does that finds no way."""
        raise ReachError("cluster here", "no way there")


def test_fresh_facts_are_not_asked_for_again() -> None:
    shell = CountingShell("here")
    first = load_facts(HERE, shell)
    assert load_facts(HERE, shell) == first
    assert shell.scripts == 1


def test_old_facts_are_asked_for_again() -> None:
    shell = CountingShell("here")
    first = load_facts(HERE, shell)
    assert load_facts(HERE, shell, max_age=0).observed_at > first.observed_at
    assert shell.scripts == 2


def test_facts_of_another_definition_do_not_count() -> None:
    shell = CountingShell("here")
    load_facts(HERE, shell)
    changed = HERE.model_copy(update={"root": "~/.elsewhere"})
    assert recall_facts(changed) is None
    assert load_facts(changed, shell).root.endswith("/.elsewhere")


def test_facts_with_a_gap_are_asked_for_again() -> None:
    shell = CountingShell("here")
    full = load_facts(HERE, shell)
    remember_facts(HERE, full.model_copy(update={"unknown": {"jobs": "squeue was silent"}}))
    assert load_facts(HERE, shell).unknown == {}
    assert shell.scripts == 2


def test_what_cannot_be_observed_now_keeps_its_last_value_and_stays_marked() -> None:
    before = ClusterFacts(
        partitions=(Partition(name="gpu"),), jobs=3, node_address="10.0.0.1", free_mb=10
    )
    now = ClusterFacts(
        unknown={"partitions": "silent"}, jobs=0, free_mb=5, node_address="8.8.8.8",
        node_address_guessed=True,
    )  # fmt: skip
    kept = keep_last_known(now, before)
    assert kept.partitions == before.partitions
    assert kept.unknown == now.unknown
    assert (kept.node_address, kept.node_address_guessed) == ("10.0.0.1", False)
    assert (kept.jobs, kept.free_mb) == (0, 5)
    assert keep_last_known(now, None) == now


def test_a_controller_that_cannot_be_asked_raises_and_leaves_what_was_known() -> None:
    known = load_facts(HERE, LocalShell("here"))
    with pytest.raises(ReachError):
        load_facts(HERE, BrokenShell("here"), max_age=0)
    assert recall_facts(HERE) == known


def test_a_damaged_file_is_as_good_as_none() -> None:
    shell = CountingShell("here")
    load_facts(HERE, shell)
    file = folders.cache_folder() / "facts" / "here.json"
    file.write_text(file.read_text()[:100])
    assert recall_facts(HERE) is None
    assert load_facts(HERE, shell).system == "Linux"


def test_forgotten_facts_are_gone_and_forgetting_twice_is_fine() -> None:
    load_facts(HERE, LocalShell("here"))
    forget_facts("here")
    forget_facts("here")
    assert recall_facts(HERE) is None


def test_nothing_but_the_facts_is_left_in_the_folder() -> None:
    load_facts(HERE, LocalShell("here"))
    assert [file.name for file in (folders.cache_folder() / "facts").iterdir()] == ["here.json"]
