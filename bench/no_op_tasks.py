"""No-op tasks a second and round trip through the link, against local HTEX and plain ssh -R.

Four workers each. Batches of the rivals alternate in one process, so that a machine whose speed
drifts does so for all. Against local HTEX the workers run on a Slurm node; against ``ssh -R`` both
run on the controller, as nodes cannot reach a forwarded port where ``GatewayPorts`` is ``no``.

    python bench/no_op_tasks.py [--batches N] [--tasks N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import parsl
from common import clusters, ratio, spread
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

import towline
from towline.clusters import ClusterStore
from towline.engine.keys import pack_keys
from towline.engine.launch import INTERCHANGE_COMMAND, remote_launch_command
from towline.ssh import Connection, quote
from towline.testbed import Testbed

WORKERS = 4
COMMON: dict[str, Any] = {
    "cores_per_worker": 0.1,
    "tasks_per_node": WORKERS,
    "packages": ["parsl"],
}
EXECUTORS: dict[str, Any] = {
    "local": {"cluster": "local", **COMMON},
    "node": {"cluster": "onprem", **COMMON},
    "controller": {"cluster": "onprem", "provider": "controller", **COMMON},
}
TUNNEL = "tunnel"
TUNNEL_PORT = 54500


def tunnel_executor(testbed: Testbed, connection: Connection) -> HighThroughputExecutor:
    """Return plain Parsl whose workers on the controller dial a port forwarded by ``ssh -R``."""
    user = testbed.clusters["onprem"].user
    python = connection.run("ls -d ~/.towline/envs/sync*/bin/python").stdout.split()[0]
    variables = {
        "TOWLINE_PYTHON": python,
        "TOWLINE_ADDRESS": "127.0.0.1",
        "TOWLINE_PORT": str(TUNNEL_PORT),
        "TOWLINE_CERTS": f"/home/{user}/tunnel",
        "TOWLINE_LOGS": f"/home/{user}/tunnel-logs",
    }
    exports = "".join(f"export {name}={quote(value)}; " for name, value in variables.items())
    forward = f"-R {TUNNEL_PORT}:127.0.0.1:{TUNNEL_PORT}"
    # Parsl fills the braces of the command in, so the whole of it is quoted first
    remote = quote(exports + remote_launch_command())
    return HighThroughputExecutor(
        label=TUNNEL,
        address="127.0.0.1",
        worker_port=TUNNEL_PORT,
        cores_per_worker=0.1,
        max_workers_per_node=WORKERS,
        interchange_launch_cmd=INTERCHANGE_COMMAND,
        launch_cmd=f"ssh -F {testbed.ssh_config} -S none {forward} onprem {remote}",
        provider=LocalProvider(init_blocks=0, launcher=SimpleLauncher()),
    )


def start_tunnel(executor: HighThroughputExecutor, connection: Connection) -> None:
    """Bring the keys to the controller, then start the workers."""
    connection.run(
        "umask 077; mkdir -p ~/tunnel && tar -xf - -C ~/tunnel",
        input=pack_keys(Path(executor.cert_dir)),
        check=True,
    )
    executor.scale_out_facade(1)


def throughput(app: Any, tasks: int) -> float:
    """Return tasks a second of one batch."""
    began = time.perf_counter()
    for future in [app(number) for number in range(tasks)]:
        future.result()
    return tasks / (time.perf_counter() - began)


def round_trip(app: Any, tasks: int) -> float:
    """Return the median milliseconds from call to result, one task at a time."""
    seconds = []
    for number in range(tasks):
        began = time.perf_counter()
        app(number).result()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    with clusters() as testbed:
        with towline.load({"a": EXECUTORS["node"]}):  # brings the environment there
            parsl.python_app(abs, executors=["a"])(1).result()
        connection = Connection(ClusterStore().load("onprem").destination())
        tunnel = tunnel_executor(testbed, connection)
        with towline.load(EXECUTORS, more_executors=[tunnel]):
            start_tunnel(tunnel, connection)
            apps = {x: parsl.python_app(abs, executors=[x]) for x in (*EXECUTORS, TUNNEL)}
            for app in apps.values():
                throughput(app, 300)
            rates: dict[str, list[float]] = {label: [] for label in apps}
            trips: dict[str, list[float]] = {label: [] for label in apps}
            order = list(apps)
            for _ in range(options.batches):
                for label in order:
                    rates[label].append(throughput(apps[label], options.tasks))
                    trips[label].append(round_trip(apps[label], 100))
                order.append(order.pop(0))  # each comes after each of the others
    for label in apps:
        print(f"{label}: {spread(rates[label])} tasks/s, round trip {spread(trips[label])} ms")
    ratio("no-op tasks/s, link to a node / local HTEX", rates["node"], rates["local"], ">= 0.95")
    ratio("no-op tasks/s, link / ssh -R", rates["controller"], rates[TUNNEL], "-")
    ratio("round trip, link to a node / local HTEX", trips["node"], trips["local"], "-")
    ratio("round trip, link / ssh -R", trips["controller"], trips[TUNNEL], "-")


if __name__ == "__main__":
    main()
