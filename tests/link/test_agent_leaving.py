"""How an agent ends: goodbye, lease, abandon, signals; what it does and leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket

import pytest

from .attached import Attached, place, start
from .local_controller import alive, eventually


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
