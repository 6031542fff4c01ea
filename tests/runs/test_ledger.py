"""The ledger: what is open after any interruption."""

from __future__ import annotations

import errno
import os

import pytest

from towline.engine.ledger import Ledger
from towline.runs import FileLedger


@pytest.fixture
def ledger(tmp_path):
    ledger = FileLedger(tmp_path / "ledger.jsonl")
    yield ledger
    ledger.close()


def test_what_was_intended_and_never_created_may_exist_and_stays_open(ledger):
    ledger.intend("job", "onprem", name="tl.r1-00000000.ex.0")

    (entry,) = ledger.open_entries()
    assert (entry.kind, entry.cluster, entry.created) == ("job", "onprem", False)
    assert entry.facts == {"name": "tl.r1-00000000.ex.0"}


def test_what_was_created_is_known_by_the_facts_of_both_lines(ledger):
    entry = ledger.intend("job", "onprem", name="tl")
    ledger.created(entry, job_id="17")

    (found,) = ledger.open_entries()
    assert found.created
    assert found.facts == {"name": "tl", "job_id": "17"}


def test_what_was_removed_is_no_longer_open(ledger):
    entry = ledger.intend("job", "onprem")
    other = ledger.intend("remote_folder", "onprem")
    ledger.removed(entry)

    assert [found.id for found in ledger.open_entries()] == [other]
    assert [found.id for found in ledger.all_entries()] == [entry, other]


def test_another_process_reads_the_same_ledger(ledger):
    entry = ledger.intend("process", "cloud", pgid=12)
    other = FileLedger(ledger.path)
    other.removed(entry)

    assert ledger.open_entries() == []


def test_facts_may_have_any_name(ledger):
    entry = ledger.intend("job", "onprem", state="queued", time=3)
    ledger.created(entry, cluster="x", kind="y")

    (found,) = ledger.open_entries()
    assert (found.kind, found.cluster) == ("job", "onprem")
    assert found.facts == {"state": "queued", "time": 3, "cluster": "x", "kind": "y"}


def test_a_torn_last_line_is_ignored_and_what_follows_is_not(ledger):
    entry = ledger.intend("job", "onprem")
    with ledger.path.open("ab") as file:
        file.write(b'{"state": "removed", "entry": "' + entry.encode())

    assert len(ledger.open_entries()) == 1
    ledger.intend("job", "cloud")
    assert len(ledger.open_entries()) == 2


def test_a_line_about_an_unknown_entry_changes_nothing(ledger):
    ledger.created("0123456789ab", job_id="1")
    ledger.removed("0123456789ab")

    assert ledger.all_entries() == []


def test_a_line_is_on_the_disk_before_the_call_returns(ledger, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))

    ledger.intend("job", "onprem")

    assert synced == [ledger.path.stat().st_size]


def test_nothing_is_created_when_the_intention_cannot_be_written(tmp_path):
    (tmp_path / "ledger.jsonl").symlink_to("/dev/full")

    with pytest.raises(OSError) as caught:
        FileLedger(tmp_path / "ledger.jsonl").intend("job", "onprem")
    assert caught.value.errno == errno.ENOSPC


def test_it_is_the_ledger_that_the_engine_asks_for(ledger):
    engines: Ledger = ledger

    assert engines.open_entries() == []
