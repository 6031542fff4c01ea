"""When a new connection may be tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import HostUnreachable, LoginNeeded, TowlineError
from towline.ssh.attempts import Attempts, Failure, load, save

AWAY = Failure("HostUnreachable", "no route", "")
REFUSED = Failure("LoginRefused", "wrong key", "")


def test_budget_is_free_until_the_cap_is_reached() -> None:
    record = Attempts()
    for number in range(10):
        assert record.budget_wait(100.0 + number, 10) == 0
        record = record.starting(100.0 + number)
    assert record.budget_wait(110.0, 10) == 50
    assert record.budget_wait(160.0, 10) == 0


def test_old_attempts_are_forgotten() -> None:
    record = Attempts().starting(0.0).starting(30.0).starting(70.0)
    assert record.started == (30.0, 70.0)


def test_clock_set_back_does_not_lock_anybody_out() -> None:
    record = Attempts(started=(5000.0,) * 10, failures=9, failed_at=5000.0, failure=REFUSED)
    assert record.budget_wait(1000.0, 10) == 0
    assert record.backoff_wait(1000.0) == 0


@pytest.mark.parametrize(
    ("failure", "pauses"),
    [(AWAY, [1, 2, 4, 8, 16, 30, 30]), (REFUSED, [5, 10, 20, 40, 80, 160, 300, 300])],
)
def test_back_off_doubles_and_is_longer_where_refusals_count(
    failure: Failure, pauses: list[float]
) -> None:
    record, seen = Attempts(), []
    for _ in pauses:
        record = record.failed(failure, 50.0)
        seen.append(record.backoff_wait(50.0))
    assert seen == pauses


def test_success_ends_the_back_off() -> None:
    record = Attempts().failed(REFUSED, 1.0).succeeded()
    assert record.backoff_wait(1.0) == 0


def test_many_failures_do_not_overflow() -> None:
    assert Attempts(failures=10**6, failed_at=0.0, failure=AWAY).backoff_wait(0.0) == 30


def test_failure_is_raised_again_as_what_it_was() -> None:
    kept = Failure.of(LoginNeeded("cluster a", "a code is needed", "log in"))
    again = kept.error("cluster a", 12.4)
    assert type(again) is LoginNeeded
    assert "a code is needed (tried 12 s ago, not repeated yet)" in again.cause
    assert again.next_step == "log in"


@pytest.mark.parametrize("kind", ["annotations", "NoSuchKind", "Exception"])
def test_unknown_kind_in_the_record_is_still_an_error_of_ours(kind: str) -> None:
    assert isinstance(Failure(kind, "c", "n").error("t"), TowlineError)
    assert isinstance(Failure("NoSuchKind", "c", "n").error("t"), HostUnreachable)


def test_record_survives_being_written(tmp_path: Path) -> None:
    record = Attempts().starting(1.5).failed(REFUSED, 2.5)
    save(tmp_path / "r.json", record)
    assert load(tmp_path / "r.json") == record
    assert (tmp_path / "r.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"started": 1, "failure": null}', '{"failure": {"x": 1}}']
)
def test_damaged_record_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    assert load(tmp_path / "r.json") == Attempts()
