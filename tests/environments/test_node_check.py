"""What a block says on a node where no worker could work."""

from __future__ import annotations

import socket

import pytest

from towline.environments import Environment, node_check, node_check_lines


@pytest.fixture
def listening():
    """Return the port of somebody who listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def environment(machine):
    python = next(iter(machine.facts().pythons.values()))
    return Environment("existing", "e", "", python, "true\n", ours=False)


def on_node(machine, environment, port, address="127.0.0.1", before=""):
    lines = node_check_lines(environment, address, port)
    return machine.run(f"{before}\n{environment.activation}\n{lines}\necho worker starts\n")


def test_a_good_node_goes_on_to_its_worker(machine, environment, listening):
    answer = on_node(machine, environment, listening)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "worker starts\n", "")


def test_a_node_that_cannot_reach_the_controller_ends_its_block(machine, environment):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = on_node(machine, environment, port)
    assert (answer.exit_code, answer.stdout) == (98, "")
    assert f"cannot reach the controller at 127.0.0.1 port {port}" in answer.stderr
    assert "Connection refused" in answer.stderr


def test_a_node_that_does_not_see_the_environment_ends_its_block(
    machine, environment, listening, monkeypatch
):
    monkeypatch.setattr(node_check, "VISIBLE_SECONDS", 0)
    hidden = Environment("sync", "e", "", "/not/here/bin/python", "true\n")
    answer = on_node(machine, hidden, listening)
    assert (answer.exit_code, answer.stdout) == (97, "")
    assert "does not see /not/here/bin/python" in answer.stderr


def test_a_node_without_the_controllers_python_is_told_at_once(machine, listening, tmp_path):
    """The environment is there, but what its Python points to is on the controller only."""
    (tmp_path / "python").symlink_to("/opt/only/on/controller/python3.11")
    answer = on_node(machine, Environment("sync", "e", "", f"{tmp_path}/python", ""), listening)
    assert answer.exit_code == 97
    assert "has no /opt/only/on/controller/python3.11" in answer.stderr
    assert "set python: workspace" in answer.stderr


def test_a_folder_that_shows_up_late_is_waited_for(machine, listening, tmp_path):
    """NFS remembers for a while that a fresh folder was not there."""
    real = next(iter(machine.facts().pythons.values()))
    late = Environment("sync", "e", "", f"{tmp_path}/late/bin/python", "true\n")
    appears = (
        f"(sleep 0.5; mkdir -p {tmp_path}/late/bin; ln -s {real} {tmp_path}/late/bin/python) &"
    )
    assert on_node(machine, late, listening, before=appears).stdout == "worker starts\n"


def test_a_python_that_does_not_start_on_the_node_is_named(machine, listening, tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\necho 'illegal instruction' >&2; exit 132\n")
    (tmp_path / "python").chmod(0o755)
    broken = Environment("sync", "e", "", f"{tmp_path}/python", "true\n")
    answer = on_node(machine, broken, listening)
    assert answer.exit_code == 97
    assert "illegal instruction" in answer.stderr
