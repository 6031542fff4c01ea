"""Parsl's private configuration of an interchange, rewritten for a controller or left alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.manager_selector import BlockIdManagerSelector
from parsl.providers import LocalProvider

from towline.engine.interchange.config import (
    NotUnderstood,
    Surroundings,
    for_controller,
    read,
    script_ports,
)
from towline.engine.interchange.prefetch import ShortTasksAhead

THERE = Surroundings(
    ports={1001: 41, 1002: 42, 1003: 43, 1004: 44},
    address="172.20.0.1",
    keys="/home/u/.towline/keys",
    logs="/home/u/.towline/logs",
)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """What the installed Parsl really hands to its interchange."""
    caught = tmp_path / "config"
    executor = HighThroughputExecutor(
        address="127.0.0.1",
        provider=LocalProvider(init_blocks=0),
        manager_selector=ShortTasksAhead(0.5),
        interchange_launch_cmd=["sh", "-c", f"cat > {caught}.new; mv {caught}.new {caught}"],
    )
    executor.run_dir = str(tmp_path)
    executor.run_id = "run"
    answers = {"timeout_s": 0.01}

    class Hurry(Exception):
        """Nobody answers: the interchange of this test only writes down what it gets."""

    def nobody(message: str, **_: Any) -> None:
        raise Hurry(f"{message} {answers}")

    from parsl.executors.high_throughput import zmq_pipes

    patch = pytest.MonkeyPatch()
    patch.setattr(zmq_pipes.CommandClient, "run", lambda self, message, **_: nobody(message))
    try:
        with pytest.raises(Hurry):
            executor.start()
    finally:
        patch.undo()
    assert executor.interchange_proc.wait(20) == 0
    executor.shutdown()
    return read(caught.read_bytes())


def test_installed_parsl_is_understood(config: dict[str, Any]) -> None:
    """Its interchange dials three ports of the script."""
    assert len(script_ports(config)) == 3


def test_everything_local_is_replaced(config: dict[str, Any]) -> None:
    """Addresses, ports and folders are the controller's; all else stays."""
    config["client_ports"], config["hub_zmq_port"] = (1001, 1002, 1003), 1004
    there = pickle.loads(for_controller(config, THERE))  # noqa: S301
    changed = {key for key in config if there[key] != config[key]}
    assert there["client_ports"] == (41, 42, 43)
    assert there["hub_zmq_port"] == 44
    assert there["interchange_address"] == "172.20.0.1"
    assert (there["cert_dir"], there["logdir"]) == (THERE.keys, THERE.logs)
    assert changed <= {
        "client_ports", "hub_zmq_port", "hub_address", "interchange_address", "worker_port",
        "cert_dir", "logdir", "manager_selector", "log_config",
    }  # fmt: skip


def test_our_choice_of_managers_is_made_there(config: dict[str, Any]) -> None:
    """The controller has no Towline to unpickle it with; Parsl's own choices travel."""
    config["client_ports"] = (1001, 1002, 1003)
    assert pickle.loads(for_controller(config, THERE))["manager_selector"] is None  # noqa: S301
    config["manager_selector"] = BlockIdManagerSelector()
    there = pickle.loads(for_controller(config, THERE))  # noqa: S301
    assert isinstance(there["manager_selector"], BlockIdManagerSelector)


@pytest.mark.parametrize("other", [{"new_key": 1}, {"client_ports": (1, 2)}, {"client_ports": ()}])
def test_another_parsl_is_not_guessed_at(config: dict[str, Any], other: dict[str, Any]) -> None:
    """A key that we do not know, or another number of ports, is refused in words."""
    with pytest.raises(NotUnderstood, match="interchange"):
        read(pickle.dumps({**config, **other}))


def test_missing_key_is_named(config: dict[str, Any]) -> None:
    """So is one that is gone."""
    del config["hub_zmq_port"]
    with pytest.raises(NotUnderstood, match="hub_zmq_port"):
        read(pickle.dumps(config))
