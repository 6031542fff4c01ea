"""The agent as a process: start, door, lease, leaving. Spoken to by hand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from towline.errors import InterpreterMissing, LinkLost, NoSpace, ReachError
from towline.link.agent_start import AgentPlace, start_agent
from towline.link.wire.frames import DATA, OPEN, encode
from towline.link.wire.handshake import encode_message, hello

from .attached import SECRET, SESSION, SETTINGS, Attached, place, start
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


# -- the door ------------------------------------------------------------------------------------


def test_a_wrong_secret_is_refused_late_and_logged_without_repeating_it(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as stranger:
        answer = stranger.greet(hello(SESSION, "guess" * 10, 0))
        assert answer == {"answer": "refused", "reason": "wrong secret"}
        assert stranger.ended()
    log = controller.agent_log("r1")
    assert "wrong secret" in log
    assert "guess" not in log


def test_guessing_does_not_keep_the_owner_out(controller):
    """Four guesses wait for their refusal; the fifth connection is closed; then there is room."""
    start(controller, "r1")
    strangers = [Attached(controller, "r1") for _ in range(4)]
    for stranger in strangers:
        stranger.say(encode_message(hello(SESSION, "wrong", 0)))
    for stranger in strangers:
        assert stranger.ended()
        stranger.close()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert answer["answer"] == "welcome"


def test_another_protocol_version_is_told_what_the_agent_speaks(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        answer = client.greet({**hello(SESSION, SECRET, 0), "versions": [2, 7]})
        assert answer == {"answer": "other version", "versions": [1, 1]}


def test_another_session_is_told_that_state_is_lost_and_channels_are_closed(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        port = client.ask(1, do="listen", listener=1, name="x", address="127.0.0.1")["port"]
        with socket.create_connection(("127.0.0.1", port), 20) as manager:
            with Attached(controller, "r1") as forgetful:
                answer = forgetful.greet(hello("another session", SECRET, 0))
                assert answer is not None
                assert answer["answer"] == "state lost"
            assert manager.recv(1) == b""


def test_a_client_that_remembers_too_much_is_told_that_state_is_lost(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        answer = client.greet(received=5)
        assert answer is not None
        assert answer["answer"] == "state lost"


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        encode_message({"versions": [1, 1], "session": SESSION, "secret": SECRET}),
        encode_message({"versions": "1", "session": SESSION, "secret": SECRET, "received": 0}),
        encode_message({"versions": [1, 1], "session": 1, "secret": None, "received": 0}),
    ],
)
def test_a_hello_that_is_none_is_sent_away(controller, words):
    agent = start(controller, "r1")
    with Attached(controller, "r1") as stranger:
        stranger.say(words)
        assert stranger.ended()
    assert alive(agent.pid)


def test_a_newer_carrier_replaces_an_older_one(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as older, Attached(controller, "r1") as newer:
        older.greet()
        assert newer.greet() is not None
        assert older.ended()
        assert older.process.wait(20) == 0
        assert newer.ask(1, do="stats")["ok"]


def test_garbage_after_the_hello_costs_the_carrier_not_the_session(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.say(b"\xff" * 100)
        assert client.ended()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert answer["answer"] == "welcome"


def test_a_numbered_frame_that_makes_no_sense_ends_the_session(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.say(encode(DATA, 9, b"for a channel that was never opened"))
        assert client.ended()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert (answer["answer"], "never opened" in answer["reason"]) == ("state lost", True)


def test_unanswered_frames_are_replayed_to_the_next_carrier(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        port = client.ask(1, do="listen", listener=1, name="x", address="127.0.0.1")["port"]
    with socket.create_connection(("127.0.0.1", port), 20) as manager:
        manager.sendall(b"while nobody was attached")
        with Attached(controller, "r1") as client:
            client.greet(received=1)
            while len(client.frames) < 3:
                client._decode(client.read())
            kinds = {kind: payload for kind, _, payload in client.frames}
            assert kinds[OPEN][4:].startswith(b"127.0.0.1:")
            assert kinds[DATA] == b"while nobody was attached"


# -- requests ------------------------------------------------------------------------------------


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


# -- leaving -------------------------------------------------------------------------------------


def test_goodbye_leaves_nothing(controller):
    agent = start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="expiry", script="touch $HOME/expired-although-goodbye", remove=[])
        assert client.ask(2, do="goodbye") == {"re": 2, "ok": True}
        assert not controller.run_folder("r1").exists()
        assert client.process.wait(20) == 0
    eventually(lambda: not alive(agent.pid), "the agent left")
    assert not (controller.home / "expired-although-goodbye").exists()


def test_goodbye_keeps_a_run_folder_that_was_there_before(controller):
    folder = controller.run_folder("r1")
    folder.mkdir(parents=True)
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="goodbye")
    assert list(folder.iterdir()) == []


def test_a_lease_that_runs_out_does_what_it_was_told_and_leaves(controller):
    agent = start(controller, "r1", lease_seconds=3.0)
    folder = controller.run_folder("r1")
    (folder / "certs").mkdir()
    (folder / "certs" / "client.key_secret").write_text("private")
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(
            1, do="expiry", script="pwd > was-here; echo said; exit 3", remove=["certs", "absent"]
        )
        port = client.ask(2, do="listen", listener=1, name="x", address="127.0.0.1")["port"]
        manager = socket.create_connection(("127.0.0.1", port), 20)
        assert alive(agent.pid), "no lease runs while a carrier is attached"
    with manager:
        assert manager.recv(1) == b""
    mark = folder / "expired"
    eventually(mark.exists, "the run is marked as expired")
    eventually(lambda: not alive(agent.pid), "the agent left")
    told = json.loads(mark.read_text())
    assert (told["reason"], told["script"]) == ("the lease ran out", "exit code 3")
    assert (folder / "was-here").read_text().strip() == str(folder)
    assert "said" in controller.agent_log("r1")
    assert not (folder / "certs").exists()
    assert not (folder / "link" / "socket").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 20)


def test_an_agent_whose_folder_was_removed_still_does_what_it_was_told(controller):
    agent = start(controller, "r1", lease_seconds=3600)
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="expiry", script="touch $HOME/was-here", remove=["certs"])
        shutil.rmtree(controller.run_folder("r1"))
        client.ask(2, do="abandon")
    eventually((controller.home / "was-here").exists, "the expiry script ran")
    eventually(lambda: not alive(agent.pid), "the agent left")
    assert not controller.run_folder("r1").exists()


def test_an_agent_that_was_replaced_from_another_host_harms_nobody(controller):
    """Two login nodes share a home, and a name leads to either: the later agent has the run."""
    agent = start(controller, "r1")
    link = controller.run_folder("r1") / "link"
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="expiry", script="touch $HOME/was-here", remove=["certs"])
        facts = {**controller.agent_facts("r1"), "host": "login2"}
        (link / "agent.json").write_text(json.dumps(facts))
        client.ask(2, do="abandon")
    eventually(lambda: not alive(agent.pid), "the agent left")
    assert {"socket", "pid", "agent.json"} <= {file.name for file in link.iterdir()}
    assert not (controller.home / "was-here").exists()
    assert not (controller.run_folder("r1") / "expired").exists()


def test_a_new_carrier_renews_the_lease(controller):
    agent = start(controller, "r1", lease_seconds=3600)
    for _ in range(3):
        with Attached(controller, "r1") as client:
            assert client.greet() is not None
    assert alive(agent.pid)


def test_abandon_runs_the_script_at_once(controller):
    agent = start(controller, "r1", lease_seconds=3600)
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="expiry", script="touch was-here", remove=[])
        assert client.ask(2, do="abandon")["ok"]
    eventually((controller.run_folder("r1") / "expired").exists, "the run is marked")
    assert (controller.run_folder("r1") / "was-here").exists()
    eventually(lambda: not alive(agent.pid), "the agent left")


def test_an_agent_that_is_terminated_cleans_up_but_expires_nothing(controller):
    agent = start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.ask(1, do="expiry", script="touch $HOME/expired-although-killed", remove=[])
        os.kill(agent.pid, signal.SIGTERM)
        assert client.ended()
    eventually(lambda: not alive(agent.pid), "the agent left")
    assert not controller.run_folder("r1").exists()
    assert not (controller.home / "expired-although-killed").exists()


def test_attach_says_when_there_is_no_agent_or_this_is_another_host(controller):
    start(controller, "r1")
    there = place("r1").command("attach", "login2")
    result = controller.run(there)
    assert (result.exit_code, "login2" in result.stderr) == (75, True)
    result = controller.run(place("r2").command("attach", os.uname().nodename))
    assert (result.exit_code, "no agent of r2" in result.stderr) == (69, True)
