"""One workflow on two real clusters, by three doors, through a server that is killed twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ci.github_runner import GithubRunner
from client.server_process import ServerProcess
from faults.remains import remains

from towline import Client
from towline.clusters.on_testbed import defined
from towline.gallery import gallery_script
from towline.runs import RunFolder
from towline.testbed import Testbed

WORKFLOW = "multicluster_parsl_demo"
TASKS = 20
SECONDS = 240


@dataclass
class Door:
    """A way in: how its user saw the run."""

    name: str
    log: str = ""
    exit_code: int | None = None
    lines: list[str] = field(default_factory=list)


@dataclass
class Doors:
    """What came of all of them."""

    server: ServerProcess
    found: dict[str, Door]
    kills: int


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give server and this process one Towline home, with short sockets."""
    folder = tmp_path_factory.mktemp("doors") / "home"
    folder.mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as sockets,
    ):
        patch.setenv("TOWLINE_HOME", str(folder))
        patch.setenv("TOWLINE_RUNTIME_DIR", sockets)
        yield folder


@pytest.fixture(scope="module")
def doors(
    testbed: Testbed, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    """Launch by client, command line and action at once; kill the server twice on the way."""
    with ExitStack() as stack:
        stack.enter_context(defined(testbed))
        server = ServerProcess(home, Path(os.environ["TOWLINE_RUNTIME_DIR"])).start()
        stack.callback(server.stop)
        with Client() as client:
            client.workflows.add(archive=gallery_script(WORKFLOW).parent)
        key = server.make_key("read", "run", "clusters")
        first_lines = threading.Semaphore(0)
        runner = GithubRunner(
            tmp_path_factory.mktemp("job"), {"server": server.url, "api-key": key}
        )
        found = {name: Door(name) for name in ("client", "command line", "action")}
        ways = [
            threading.Thread(target=by_client, args=(found["client"], server, key, first_lines)),
            threading.Thread(
                target=by_command_line, args=(found["command line"], server, key, first_lines)
            ),
            threading.Thread(target=by_action, args=(found["action"], runner)),
        ]
        for way in ways:
            way.start()
        kills = 0
        for _ in range(2):  # when the first, then when the second of them shows what an app did
            assert first_lines.acquire(timeout=SECONDS), "no run has said anything"
            server.kill()
            kills += 1
            server.start()
        for way in ways:
            way.join(SECONDS)
        assert not [way for way in ways if way.is_alive()]
        yield Doors(server, found, kills)


def by_client(door: Door, server: ServerProcess, key: str, first: threading.Semaphore) -> None:
    with Client(server.url, key) as client:
        client.clusters["onprem"].start().wait(timeout=SECONDS)
        run = client.workflows[WORKFLOW].launch({"tasks": TASKS}, title=door.name)
        for text in run.follow():
            door.log += text
            first.release()
        door.exit_code = run.wait(timeout=SECONDS).exit_code


def by_command_line(
    door: Door, server: ServerProcess, key: str, first: threading.Semaphore
) -> None:
    words = [sys.executable, "-m", "towline", "workflow", "run", WORKFLOW, "-i", f"tasks={TASKS}"]
    command = subprocess.Popen(
        [*words, "--title", door.name, "--server", server.url, "--quiet"],
        env={**server.environment, "TOWLINE_API_KEY": key},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    for line in command.stdout:
        door.log += line
        first.release()
    door.exit_code = command.wait(SECONDS)


def by_action(door: Door, runner: GithubRunner) -> None:
    job = runner.use(workflow=WORKFLOW, inputs=f'{{"tasks": {TASKS}}}', title=door.name)
    door.exit_code = job.exit_code
    door.lines = job.log.splitlines()
    begin = next(n for n, line in enumerate(door.lines) if line.startswith("::stop-commands::"))
    token = door.lines[begin].removeprefix("::stop-commands::")
    end = door.lines.index(f"::{token}::")
    door.log = "\n".join(door.lines[begin + 1 : end])


@pytest.mark.parametrize("name", ["client", "command line", "action"])
def test_run_log_and_result_are_complete(doors: Doors, name: str) -> None:
    """A server that was killed and started twice has lost nothing of any run."""
    door = doors.found[name]
    with Client() as client:
        (run,) = [each for each in client.runs.find() if each.title == name]
        again = client.runs[run.number].log()
    folder = RunFolder.open(run.number)
    written = folder.stdout_log.read_text()

    assert doors.kills == 2
    assert door.exit_code == 0, door
    assert (run.state, run.exit_code, run.leftovers) == ("succeeded", 0, 0)
    assert again == written
    assert set(written.splitlines()) <= set(door.log.splitlines())
    if name != "action":  # where stderr comes between
        assert door.log == written
    table = re.findall(r"^(sample|mean|on_gpu) +(\w+) +(\w+) +([\w-]+)", written, re.MULTILINE)
    assert [row[:3] for row in table] == [
        ("sample", "onprem", "compute"),
        ("mean", "cloud", "compute"),
        ("on_gpu", "onprem", "gpu"),
    ]
    assert f"{TASKS} small tasks on" in written


def test_the_record_of_each_run_is_whole(doors: Doors) -> None:
    with Client() as client:
        runs = client.runs.find(workflow=WORKFLOW)
        events = {run.number: client.runs[run.number].events() for run in runs}
        tasks = {run.number: client.runs[run.number].tasks() for run in runs}

    assert len(runs) == 3, "none was launched twice"
    for run in runs:
        assert [events[run.number][0].event, events[run.number][-1].event] == ["created", "ended"]
        assert run.tasks.done == run.tasks.total == len({t.task for t in tasks[run.number]})
        assert {task.cluster for task in tasks[run.number]} == {"onprem", "cloud"}


def test_nothing_is_left_on_any_host(doors: Doors, testbed: Testbed, home: Path) -> None:
    """Asked of the hosts: processes, jobs, folders."""
    left = [line for line in remains(testbed, home) if "towline server" not in line]

    assert left == []
