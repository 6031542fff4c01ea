"""The configuration of an interchange, as Parsl pickles it, rewritten for a controller.

It is private to Parsl. A Parsl that writes it differently keeps its interchange on the workspace.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from towline.engine.interchange.prefetch import ShortTasksAhead

KEYS = frozenset(
    {
        "client_address",
        "client_ports",
        "interchange_address",
        "worker_port",
        "worker_port_range",
        "hub_address",
        "hub_zmq_port",
        "logdir",
        "heartbeat_threshold",
        "poll_period",
        "logging_level",
        "cert_dir",
        "manager_selector",
        "run_id",
        "log_config",
        "_check_python_mismatch",
    }
)
"""What parsl 2026.10.26 writes; all of it is understood here."""


class NotUnderstood(Exception):
    """Parsl's configuration of its interchange is not the one that we know."""


@dataclass(frozen=True)
class Surroundings:
    """What is different on the controller.

    Attributes:
        ports: port of the script on the workspace -> port on the controller's loopback that leads
            there.
        address: by which nodes reach the controller; the interchange binds it.
        keys: folder of the CURVE keys, the server's secret included.
        logs: folder of ``interchange.log``.

    """

    ports: Mapping[int, int]
    address: str
    keys: str
    logs: str


def read(pickled: bytes) -> dict[str, Any]:
    """Return an interchange's configuration.

    Raises:
        NotUnderstood: a key is missing, unknown, or not of the form that we know.

    """
    config = pickle.loads(pickled)  # noqa: S301 - from the process that our script started
    if not isinstance(config, dict) or config.keys() != KEYS:
        other = sorted(KEYS ^ set(config)) if isinstance(config, dict) else type(config).__name__
        raise NotUnderstood(f"its interchange is configured differently: {other}")
    ports = config["client_ports"]
    if len(ports) != 3 or not all(isinstance(port, int) for port in ports):
        raise NotUnderstood(f"its interchange dials {ports!r}")
    return config


def script_ports(config: Mapping[str, Any]) -> list[int]:
    """Return the ports on the workspace that the interchange dials."""
    hub = config["hub_zmq_port"]
    return [*config["client_ports"], *([hub] if hub else [])]


def for_controller(config: Mapping[str, Any], there: Surroundings) -> bytes:
    """Return the configuration for the interchange on the controller, pickled.

    ``manager_selector`` is None where :mod:`~towline.engine.interchange.serve` makes our own.
    """
    hub, selector = config["hub_zmq_port"], config["manager_selector"]
    changed = {
        "client_address": "127.0.0.1",
        "client_ports": tuple(there.ports[port] for port in config["client_ports"]),
        "hub_address": "127.0.0.1",
        "hub_zmq_port": there.ports[hub] if hub else None,
        "interchange_address": there.address,
        "worker_port": None,
        "cert_dir": there.keys,
        "logdir": there.logs,
        # of classes that only the workspace has
        "log_config": None,
        "manager_selector": None if isinstance(selector, ShortTasksAhead) else selector,
    }
    return pickle.dumps({**config, **changed})
