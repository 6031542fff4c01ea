"""What environments a machine holds, and which of them go."""

from __future__ import annotations

import os
import time

import pytest

from towline.environments import (
    Environment,
    Held,
    delete,
    list_environments,
    lock_record,
    mark_used,
    to_delete,
    unmark_used,
)
from towline.errors import EnvironmentFault

NOW = 1_800_000_000
DAY = 86400


def held(name, days=0, users=(), needs=()):
    return Held(name, NOW - days * DAY, None, tuple(needs), tuple(users))


def going(*items, days=30):
    return [item.name for item in to_delete(items, older_than_days=days, now=NOW)]


def test_only_what_is_old_and_unused_goes():
    assert going(held("young", 29), held("old", 31), held("used", 99, ["r1-aa"])) == ["old"]


def test_a_layer_stays_while_an_environment_stands_on_it():
    python = held("python-3.11.7-abc", 99)
    user = held("sync-1", 1, needs=["packages-3.11-x", "python-3.11.7-abc"])
    assert going(python, user) == []
    assert going(python, user, days=1) == ["sync-1", "python-3.11.7-abc"]


def test_a_fresh_layer_waits_for_its_environment():
    """Its environment may still be on the way."""
    assert going(held("python-3.11.7-abc", 0.5), days=0) == []


@pytest.fixture
def envs(machine):
    """Make folders as pushes leave them; return the folder of environments."""
    folder = machine.home / ".towline/envs"
    for name, days in (("sync-old", 40), ("sync-new", 1), ("python-3.11.7-a", 40)):
        (folder / name / "bin").mkdir(parents=True)
        for file in (".complete", ".last_used"):
            (folder / name / file).touch()
        os.utime(folder / name / ".last_used", (time.time() - days * DAY,) * 2)
        (folder / name / "lock.json").write_text(f'{{"kind": "{name}"}}')
    (folder / "sync-new/.needs").write_text("packages-3.11-x python-3.11.7-a\n")
    (folder / "sync-half").mkdir()
    (folder / "sync-x.tmp.abc").mkdir()
    return folder


def environment(envs, name):
    return Environment("sync", name, str(envs / name), "", "")


def test_a_list_shows_what_is_whole_the_last_used_first(machine, envs):
    found = list_environments(machine, machine.facts())
    assert found[0].name == "sync-new"
    assert {item.name for item in found} == {"sync-new", "sync-old", "python-3.11.7-a"}
    assert found[0].needs == ("packages-3.11-x", "python-3.11.7-a")
    assert found[0].size_kb is not None


def test_a_machine_without_environments_has_an_empty_list(machine):
    assert list_environments(machine, machine.facts()) == []


def test_old_ones_are_deleted_and_the_layer_in_use_stays(machine, envs):
    found = list_environments(machine, machine.facts())
    for item in to_delete(found, older_than_days=30, now=time.time()):
        assert delete(machine, machine.facts(), item)
    assert sorted(p.name for p in envs.iterdir() if p.name != "sync-half") == [
        "python-3.11.7-a",
        "sync-new",
        "sync-x.tmp.abc",
    ]


def test_a_used_one_is_kept_until_its_run_lets_go(machine, envs):
    """Also when the run began between the list and the deletion."""
    before = list_environments(machine, machine.facts())
    old = environment(envs, "sync-old")
    assert mark_used(old, machine, "r7-cafe")
    (item,) = to_delete(before, older_than_days=30, now=time.time())
    assert not delete(machine, machine.facts(), item)
    now = {i.name: i for i in list_environments(machine, machine.facts())}
    assert now["sync-old"].used_by == ("r7-cafe",)
    assert unmark_used(old, machine, "r7-cafe")
    assert delete(machine, machine.facts(), item)
    assert not (envs / "sync-old").exists()


def test_what_was_looked_at_since_the_list_is_kept(machine, envs):
    """Another run may just be on its way to stand on this layer."""
    found = {i.name: i for i in list_environments(machine, machine.facts())}
    (envs / "python-3.11.7-a/.last_used").touch()
    assert not delete(machine, machine.facts(), found["python-3.11.7-a"])
    assert (envs / "python-3.11.7-a/.complete").exists()


@pytest.mark.parametrize("run_is_there", [True, False])
def test_an_old_mark_counts_while_its_run_has_a_folder(machine, envs, run_is_there):
    """A run that was killed cannot take its mark away; its folder's removal does."""
    mark_used(environment(envs, "sync-old"), machine, "r7-cafe")
    os.utime(envs / "sync-old/.used-by/r7-cafe", (time.time() - 3 * DAY,) * 2)
    if run_is_there:
        (machine.home / ".towline/runs/r7-cafe").mkdir(parents=True)
    found = {i.name: i for i in list_environments(machine, machine.facts(), sizes=False)}
    assert (found["sync-old"].used_by == ("r7-cafe",)) is run_is_there


def test_what_is_not_there_cannot_be_marked(machine, envs):
    assert not mark_used(environment(envs, "sync-half"), machine, "r7-cafe")


def test_an_environment_of_the_users_own_needs_no_mark(machine):
    theirs = Environment("existing", "e", "/opt/env", "", "", ours=False)
    assert mark_used(theirs, machine, "r7-cafe")
    assert machine.runs == 0


def test_a_tag_cannot_leave_its_folder(machine, envs):
    with pytest.raises(ValueError, match="not a run's tag"):
        mark_used(environment(envs, "sync-old"), machine, "../../.complete")


def test_the_lock_of_one_is_read(machine, envs):
    assert lock_record(machine, machine.facts(), "sync-new") == {"kind": "sync-new"}
    with pytest.raises(EnvironmentFault, match="is not on the cluster"):
        lock_record(machine, machine.facts(), "sync-none")
