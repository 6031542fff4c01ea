"""Parsl's questions to a far interchange are answered at once, whatever the link does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from parsl.executors.high_throughput.zmq_pipes import CommandClient

from towline.engine.interchange import commands
from towline.engine.interchange.commands import PatientCommands
from towline.engine.interchange.first_answer import FirstAnswer

LIMIT = 20.0


class Interchange:
    """Answers commands as Parsl's interchange does, unless it is told to be silent."""

    def __init__(self, port: int) -> None:
        self.asked: list[Any] = []
        self.changed = threading.Condition()
        self.talks = threading.Event()
        self.talks.set()
        self._stop = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self._socket.connect(f"tcp://127.0.0.1:{port}")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if not self._socket.poll(50):
                continue
            message = self._socket.recv_pyobj()
            with self.changed:
                self.asked.append(message)
                self.changed.notify_all()
            while not self.talks.wait(0.05) and not self._stop.is_set():
                pass
            self._socket.send_pyobj([f"answer {self.asked.count(message)} to {message}"])

    def wait_for(self, message: Any, count: int) -> None:
        """Wait until it was asked something so many times."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked.count(message) >= count, LIMIT)

    def close(self) -> None:
        """End; twice is fine."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join()
        self._socket.close(0)
        self._context.term()


@pytest.fixture
def client() -> CommandClient:
    """Parsl's own end of the command channel."""
    return CommandClient("127.0.0.1", (50000, 59000))


@pytest.fixture
def interchange(client: CommandClient) -> Iterator[Interchange]:
    """An interchange at the other end."""
    serving = Interchange(client.port)
    yield serving
    serving.close()


@pytest.fixture
def patient(
    client: CommandClient, interchange: Interchange, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PatientCommands]:
    """What stands between Parsl and the channel, asking often."""
    monkeypatch.setattr(commands, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(commands, "SILENT_SECONDS", 0.3)
    noticed = threading.Event()
    asking = PatientCommands(client, noticed.set)
    asking.noticed = noticed  # type: ignore[attr-defined]
    yield asking
    interchange.talks.set()
    asking.close()


def test_answers_are_kept_fresh(patient: PatientCommands, interchange: Interchange) -> None:
    """The thread asks again and again."""
    interchange.wait_for("MANAGERS", 3)
    assert "MANAGERS" in patient.run("MANAGERS")[0]


def test_silent_interchange_holds_nobody_up(
    patient: PatientCommands, interchange: Interchange
) -> None:
    """The last answer is given, and somebody is told that it is silent."""
    known = patient.run("MANAGERS")
    patient.run("CONNECTED_BLOCKS")
    interchange.talks.clear()
    assert patient.noticed.wait(LIMIT)  # type: ignore[attr-defined]
    assert patient.run("MANAGERS")[0].split()[2:] == known[0].split()[2:]


def test_orders_are_passed_on_when_it_talks_again(
    patient: PatientCommands, interchange: Interchange
) -> None:
    """Nobody waits for them."""
    interchange.talks.clear()
    assert patient.run(["HOLD_MANAGER", "m"]) is None
    interchange.talks.set()
    interchange.wait_for(["HOLD_MANAGER", "m"], 1)


def test_rare_question_is_asked_when_it_comes(patient: PatientCommands) -> None:
    """Such as which packages the managers have."""
    assert patient.run("MANAGERS_PACKAGES") == ["answer 1 to MANAGERS_PACKAGES"]


def test_question_never_answered_is_an_error(
    client: CommandClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interchange that was never there is not waited for for ever; closing still works."""
    monkeypatch.setattr(commands, "FIRST_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(commands, "LOOK_MILLISECONDS", 20)
    asking = PatientCommands(client, lambda: None)
    with pytest.raises(TimeoutError, match="MANAGERS"):
        asking.run("MANAGERS")
    asking.close()


def test_close_does_not_wait_for_a_cluster_that_is_cut_off(
    client: CommandClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at it goes on for as long as it likes; then the socket is closed."""
    monkeypatch.setattr(commands, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(commands, "LOOK_MILLISECONDS", 20)
    monkeypatch.setattr(commands, "CLOSE_SECONDS", 0.1)
    looking, seen = threading.Event(), threading.Event()

    def look() -> None:
        looking.set()
        seen.wait(LIMIT)

    asking = PatientCommands(client, look)
    assert looking.wait(LIMIT)
    asking.close()  # would wait for the look
    assert not seen.is_set() and not client.zmq_socket.closed
    seen.set()
    asking._thread.join(LIMIT)
    assert client.zmq_socket.closed


def test_interchange_lost_before_its_first_answer_is_replaced(
    client: CommandClient, interchange: Interchange
) -> None:
    """Parsl waits for the answer; it comes from the next one."""
    interchange.talks.clear()
    lost = threading.Event()
    following: list[Interchange] = []

    def again() -> bool:
        lost.clear()
        interchange.close()
        following.append(Interchange(client.port))
        return True

    def lose() -> None:
        interchange.wait_for("WORKER_BINDS", 1)
        lost.set()

    losing = threading.Thread(target=lose)
    losing.start()
    try:
        answer = FirstAnswer(client, lost.is_set, again)("WORKER_BINDS", timeout_s=LIMIT)
        assert answer == ["answer 1 to WORKER_BINDS"]
    finally:
        losing.join()
        client.close()
        for each in following:
            each.close()


def test_new_interchange_is_asked_anew(
    client: CommandClient, interchange: Interchange, patient: PatientCommands
) -> None:
    """A question that died with the old one blocks nothing, and old answers count no more."""
    blocks = patient.run("CONNECTED_BLOCKS")
    interchange.close()
    patient.renew()
    following = Interchange(client.port)
    try:
        following.wait_for("MANAGERS", 1)
        assert patient.run("WORKER_BINDS") == ["answer 1 to WORKER_BINDS"]
        assert set(blocks) <= set(patient.run("CONNECTED_BLOCKS")), "whose workers came, came"
    finally:
        patient.close()
        following.close()
