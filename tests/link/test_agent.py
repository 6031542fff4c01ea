"""The agent as a process: its start, and what it is asked for. Spoken to by hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from towline.errors import InterpreterMissing, LinkLost, NoSpace, ReachError
from towline.link.agent_start import AgentPlace, start_agent

from .attached import SECRET, SETTINGS, Attached, place, start
from .conftest import processes_below
from .local_controller import LocalController, alive, eventually


def test_an_agent_detaches_and_its_folder_is_private(controller):
    agent = start(controller, "r1")
    link = controller.run_folder("r1") / "link"
    assert agent.pid == controller.agent_pid("r1")
    assert os.getsid(agent.pid) != os.getsid(0)
    assert stat.S_IMODE(link.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in link.iterdir())
    open_files = {str(Path(f"/proc/{agent.pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)}
    assert open_files == {"/dev/null"}


def test_the_secret_is_in_no_file_no_argv_and_no_environment(controller):
    agent = start(controller, "r1")
    files = [file for file in controller.home.rglob("*") if file.is_file()]
    assert len(files) >= 4
    for file in files:
        assert SECRET.encode() not in file.read_bytes()
    for kind in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{agent.pid}/{kind}").read_bytes()
    assert all(SECRET not in script for script in controller.scripts)


def test_starting_again_finds_the_agent_running(controller):
    first = start(controller, "r1")
    second = start(controller, "r1")
    assert (first.adopted, second.adopted) == (False, True)
    assert first.pid == second.pid


def test_another_session_under_the_same_tag_is_refused_in_words(controller):
    agent = start(controller, "r1")
    with pytest.raises(LinkLost, match=f"pid {agent.pid}"):
        start(controller, "r1", session="another")
    assert alive(agent.pid)


def test_two_starts_in_one_moment_leave_one_agent(controller):
    script = f"exec {place('r1').command('start')}"
    start(controller, "warm-up")
    starts = [
        subprocess.Popen(
            ["sh", "-c", script],
            env=controller.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for each in starts:
        assert each.stdin is not None
        each.stdin.write(json.dumps(SETTINGS).encode())
        each.stdin.close()
    answers = [json.loads(each.stdout.read()) for each in starts if each.stdout]
    for each in starts:
        each.wait(20)
    assert len({answer["pid"] for answer in answers}) == 1
    assert sorted(answer["status"] for answer in answers) == ["running"] * 3 + ["started"]


def test_a_killed_agent_is_replaced_by_the_next_start(controller):
    first = start(controller, "r1")
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not alive(first.pid), "the agent is dead")
    second = start(controller, "r1")
    assert not second.adopted
    assert second.pid != first.pid


def test_several_runs_live_side_by_side(controller):
    pids = {start(controller, f"r{number}").pid for number in range(4)}
    assert len(pids) == 4
    os.kill(pids.pop(), signal.SIGTERM)
    eventually(lambda: len(processes_below(controller.home)) == 3, "one left")
    assert all(alive(pid) for pid in pids)


def test_a_home_too_deep_for_a_socket_path_works(tmp_path):
    home = tmp_path / ("d" * 120) / ("e" * 120)
    home.mkdir(parents=True)
    deep = LocalController(home)
    agent = start(deep, "r1")
    with Attached(deep, "r1") as client:
        assert client.greet() == {"answer": "welcome", "version": 1, "received": 0}
    os.kill(agent.pid, signal.SIGTERM)
    eventually(lambda: not alive(agent.pid), "the agent left")


def test_the_program_is_sent_once_and_whole(controller):
    start(controller, "r1")
    start(controller, "r2")
    sent = [script for script in controller.scripts if "cat >" in script]
    assert len(sent) == 1
    assert len(list((controller.home / ".towline" / "wire").iterdir())) == 1


def test_status_tells_who_is_there_and_who_is_not(controller):
    agent = start(controller, "r1")
    result = controller.run(place("r1").command("status"))
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["pid"], facts["attached"]) == (0, agent.pid, False)
    result = controller.run(place("r2").command("status"))
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"status": "absent"})


def test_a_missing_python_is_named(controller):
    there = AgentPlace("~/.towline", "r1", "/nowhere/python3")
    with pytest.raises(InterpreterMissing, match="/nowhere/python3"):
        start_agent(controller, there, "cluster x", SETTINGS, 20.0)


def test_a_folder_that_cannot_be_written_is_named(controller):
    (controller.home / ".towline").write_text("a file in the way")
    with pytest.raises(NoSpace, match="wire"):
        start(controller, "r1")


def test_an_agent_that_cannot_start_says_why(controller):
    link = controller.run_folder("r1") / "link"
    (link / "socket").mkdir(parents=True)
    with pytest.raises(ReachError, match="did not start"):
        start(controller, "r1")


def test_a_listener_is_only_where_it_was_told_to_be(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        port = client.ask(1, do="listen", listener=1, name="x", address="127.0.0.2")["port"]
        socket.create_connection(("127.0.0.2", port), 20).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 20)


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "listen", "listener": 1, "name": "x", "address": "192.0.2.1"},
        {"do": "listen", "listener": 1, "name": "x", "address": "a name"},
        {"do": "listen", "listener": 1},
        {"do": "expiry", "script": "", "remove": ["../other-run"]},
        {"do": "expiry", "script": "", "remove": ["/etc/passwd"]},
        {"do": "expiry", "script": "", "remove": ["."]},
        {"do": "dance"},
    ],
)
def test_a_request_that_cannot_be_done_is_refused_and_the_link_stays(controller, request_):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        answer = client.ask(1, **request_)
        assert answer["ok"] is False
        assert answer["error"]
        assert client.ask(2, do="stats")["ok"]
