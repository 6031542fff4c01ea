"""The process that Parsl starts asks the script where the interchange runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.engine.interchange import handover
from towline.engine.interchange.handover import HandOver, Place, offer

LIMIT = 20


@pytest.fixture
def taking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HandOver]:
    """A script's end."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    taking = HandOver()
    yield taking
    taking.end()
    taking.close()


@pytest.mark.parametrize("place", Place)
def test_offer_is_taken_whole_and_answered(taking: HandOver, place: Place) -> None:
    """Also when it is larger than a socket's buffer; the socket's file is gone by then."""
    config = b"config" * 500_000
    answers: list[Place] = []
    offering = threading.Thread(target=lambda: answers.append(offer(taking.path, config)[0]))
    offering.start()
    assert taking.take() == config
    taking.answer(place)
    offering.join(LIMIT)
    assert answers == [place]
    assert not taking.path.exists()


def test_nobody_else_may_answer(taking: HandOver) -> None:
    """The socket lies in a folder that is the user's alone."""
    assert taking.path.parent.stat().st_mode & 0o077 == 0


def test_offer_that_never_comes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script goes on with an error."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    monkeypatch.setattr(handover, "OFFER_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        HandOver().take()


def test_process_ends_when_the_far_interchange_does(taking: HandOver) -> None:
    """Parsl watches the process: its end says that the interchange is no more."""
    command = [sys.executable, "-m", "towline.engine.interchange", str(taking.path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"config")
    process.stdin.close()
    assert taking.take() == b"config"
    taking.answer(Place.CONTROLLER)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    taking.end()
    assert process.wait(LIMIT) == 1
