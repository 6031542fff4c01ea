"""An interchange on the controller is started once, ended wholly, and replaced whenever it is lost.

A local shell stands in for the connection, and a sleeping process for the interchange.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from towline.engine.executor import RemoteExecutor
from towline.engine.interchange import far as far_module
from towline.engine.interchange.config import KEYS
from towline.engine.interchange.far import FarInterchange
from towline.engine.interchange.handover import Place, offer
from towline.engine.interchange.waiting import OutstandingTasks, WaitingTasks
from towline.environments import Environment
from towline.errors import ConnectionDropped
from towline.ssh import CommandResult

LIMIT = 20.0


class Shell:
    """Runs scripts on this machine; loses the answers of those that hold a given word."""

    def __init__(self) -> None:
        self.lose = ""
        self.lost = threading.Event()

    def run(self, script: str, *, input: bytes = b"", **_: Any) -> CommandResult:  # noqa: A002
        """Run a script as a connection does."""
        done = subprocess.run(
            ["sh", "-c", script], input=input, capture_output=True, timeout=LIMIT, check=False
        )
        if self.lose and self.lose in script:
            self.lose = ""
            self.lost.set()
            raise ConnectionDropped("cluster c", "the answer was lost", "try again")
        if done.returncode:
            raise ConnectionDropped("cluster c", done.stderr.decode(), "try again")
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0)


class Controller:
    """A run's folder, and a far interchange in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        for name in ("jobs", "certs", "logs"):
            (self.folder / name).mkdir(parents=True)
        self.keys = folder / "keys"
        self.keys.mkdir()
        (self.keys / "server.key_secret").write_text("secret")
        self.python = folder / "python"
        self.python.write_text("#!/bin/sh\nexec sleep 1000\n")
        self.python.chmod(0o755)
        self.shell = Shell()
        self.notes: queue.Queue[dict[str, Any]] = queue.Queue()
        self.far = FarInterchange(
            "x",
            self.shell,  # type: ignore[arg-type]
            "c",
            str(self.folder),
            "127.0.0.1",
            Environment("venv", "k", "", str(self.python), ":"),
            lambda _name, port, _address: port,
            lambda _event, **facts: self.notes.put(facts),
        )

    def config(self) -> bytes:
        """Return a configuration as Parsl makes it."""
        known = dict.fromkeys(KEYS)
        return pickle.dumps({**known, "client_ports": (1, 2, 3), "cert_dir": str(self.keys)})

    def start(self) -> Place:
        """Have the interchange started."""
        self.far.take_over()
        place, self.conversation = offer(self.far.socket, self.config())
        return place

    def living(self) -> list[int]:
        """Return the leaders of process groups that live."""
        leaders = [int(f.read_text().split()[0]) for f in (self.folder / "jobs").glob("*.pid")]
        return [pid for pid in leaders if lives(pid)]


def lives(pid: int) -> bool:
    """Ask the system; a zombie does not live."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    """A controller whose processes end with the test."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    monkeypatch.setattr(far_module, "RETRY_SECONDS", 0.05)
    there = Controller(tmp_path)
    yield there
    there.far.close()
    for pid in there.living():
        os.killpg(pid, signal.SIGKILL)


def test_start_whose_answer_is_lost_is_undone(controller: Controller) -> None:
    """Two interchanges on the same ports would share the tasks between them."""
    controller.shell.lose = "setsid"
    assert controller.start() is Place.WORKSPACE
    deadline = time.monotonic() + LIMIT
    while controller.living():  # killed, and gone as soon as the kernel gets to it
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not list(controller.folder.glob("certs/*")), "nor do its keys stay"


def test_start_that_could_not_begin_is_not_looked_for(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way was cut before: Parsl need not wait until it is known that nothing runs there."""

    def cut(script: str, **_: Any) -> CommandResult:
        raise ConnectionDropped("cluster c", "cut off", "try again")

    monkeypatch.setattr(controller.shell, "run", cut)
    assert controller.start() is Place.WORKSPACE


def test_keys_lie_where_the_agent_removes_them(controller: Controller) -> None:
    """A lease that ends leaves no secret on the controller."""
    assert controller.start() is Place.CONTROLLER
    secrets = [each.relative_to(controller.folder) for each in controller.folder.rglob("*secret")]
    assert [each.parts[0] for each in secrets] == ["certs"]


def test_configuration_that_raises_anything_is_answered(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsl's process waits for the answer."""
    monkeypatch.setattr(controller, "config", lambda: b"no pickle")
    assert controller.start() is Place.WORKSPACE


def test_process_of_another_boot_is_left_alone(controller: Controller) -> None:
    """Its number may be somebody else's by now."""
    controller.start()
    (pid_file,) = (controller.folder / "jobs").glob("*.pid")
    pid = controller.living()[0]
    pid_file.write_text(f"{pid} another-boot\n")
    assert controller.far.start_again()
    assert lives(pid)
    os.killpg(pid, signal.SIGKILL)


def test_folder_that_is_removed_does_not_come_back(controller: Controller) -> None:
    """A start that comes late finds nothing to start in."""
    controller.start()
    for pid in controller.living():
        os.killpg(pid, signal.SIGKILL)
    subprocess.run(["rm", "-rf", str(controller.folder)], check=True)
    again = threading.Thread(target=controller.far.start_again)
    again.start()
    while "cannot be started" not in controller.notes.get(timeout=LIMIT)["text"]:
        pass
    controller.far.close()
    again.join(LIMIT)
    assert not controller.folder.exists()


def test_interchange_lost_while_it_starts_is_replaced(controller: Controller) -> None:
    """As soon as there is somebody who can replace it."""
    controller.start()
    controller.far.lost("the link lost its state")
    reasons: queue.Queue[str] = queue.Queue()
    controller.far.watch(reasons.put)
    assert reasons.get(timeout=LIMIT) == "the link lost its state"


class Commands:
    """A new interchange's answers, in order; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def renew(self) -> None:
        """Do nothing."""

    def run(self, message: str, timeout_s: float) -> Any:
        """Answer the next."""
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


class Cut(RemoteExecutor):
    """A RemoteExecutor after its start, without Parsl's parts."""

    def __init__(self, far: FarInterchange, commands: Commands) -> None:
        self.label = "x"
        self.started: queue.Queue[int] = queue.Queue()
        self.failed: queue.Queue[Exception] = queue.Queue()
        self.sent: list[Any] = []
        self._far, self.command_client = far, commands
        self._on_start = lambda port, _keys, _far: self.started.put(port)
        self._report = lambda _event, **_facts: None
        self._sending, self._stopping = threading.Lock(), False
        self._tasks = OutstandingTasks()
        self.blocks_to_job_id: dict[str, str] = {}
        self.cert_dir, self._provider = "certs", self
        self.outgoing_q = WaitingTasks(self, self._sending)

    def cancel(self, _ids: list[str]) -> None:
        """Be the provider."""

    def put(self, task: Any) -> None:
        """Be the socket."""
        self.sent.append(task)

    def set_bad_state_and_fail_all(self, exception: Exception) -> None:
        """Keep it."""
        self.failed.put(exception)


def test_new_interchange_that_does_not_answer_is_replaced_again(controller: Controller) -> None:
    """An outage meanwhile is no reason to let the tasks wait for ever."""
    controller.start()
    executor = Cut(controller.far, Commands(TimeoutError(), 7))
    controller.far.watch(executor._replace_interchange)
    controller.far.lost("dead")
    assert [executor.started.get(timeout=LIMIT) for _ in range(2)] == [0, 7]
    executor.outgoing_q.put("task")
    assert executor.sent == ["task"]
    assert len(controller.living()) == 1, "the silent one is ended"


def test_new_interchange_lost_meanwhile_is_replaced_again(controller: Controller) -> None:
    """Its ports on the controller ended with the link."""
    controller.start()

    def lost_again() -> int:
        controller.far.lost("the link lost its state")
        return 6

    executor = Cut(controller.far, Commands(lost_again, 7))
    controller.far.watch(executor._replace_interchange)
    controller.far.lost("dead")
    assert [executor.started.get(timeout=LIMIT) for _ in range(2)] == [0, 7]


def test_interchange_that_cannot_be_replaced_fails_its_tasks(controller: Controller) -> None:
    """They are not left waiting by a thread that has died."""
    controller.start()
    executor = Cut(controller.far, Commands(RuntimeError("of whatever kind")))
    controller.far.watch(executor._replace_interchange)
    controller.far.lost("dead")
    assert "of whatever kind" in str(executor.failed.get(timeout=LIMIT))


def test_task_answered_while_tasks_are_given_up_is_not_given_up() -> None:
    """Its future would be set twice, which ends the thread that does it."""

    class Answered(OutstandingTasks):
        """Has an answer come in the middle."""

        def answer(self) -> None:
            """Take the first future away, as the thread does that takes results."""
            self.pop(next(iter(self))).set_result("answer")

        def popitem(self) -> tuple[object, Future[Any]]:
            """Be answered just before."""
            self.answer()
            return super().popitem()

        def clear(self) -> None:
            """Be answered just before."""
            self.answer()
            super().clear()

    tasks = Answered({number: Future() for number in range(4)})
    for future in tasks.give_up():
        future.set_exception(RuntimeError())
