"""Scripts that run no-op tasks for a benchmark: on Towline, and on plain Parsl.

Each is a process of its own that measures a batch when it is asked to, so that rivals take turns
and a machine whose speed drifts does so for all.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

import towline
from towline.clusters import ClusterStore
from towline.engine.keys import pack_keys
from towline.engine.launch import (
    INTERCHANGE_COMMAND,
    local_launch_command,
    remote_launch_command,
)
from towline.ssh import Connection, quote

WORKERS = 4
COMMON: dict[str, Any] = {
    "cores_per_worker": 0.1,
    "tasks_per_node": WORKERS,
    "packages": ["parsl"],
}
PARSL_HERE, PARSL_TUNNEL = "parsl here", "parsl ssh -R"
TUNNEL_PORT = 54500


def label(name: str) -> str:
    """Return a Parsl label for a rival's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def local_executor() -> HighThroughputExecutor:
    """Return plain Parsl with workers on this machine."""
    return HighThroughputExecutor(
        label=label(PARSL_HERE),
        address="127.0.0.1",
        cores_per_worker=0.1,
        max_workers_per_node=WORKERS,
        interchange_launch_cmd=INTERCHANGE_COMMAND,
        launch_cmd=local_launch_command(),
        provider=LocalProvider(init_blocks=1, launcher=SimpleLauncher()),
    )


def tunnel_executor(ssh_config: Path, user: str, python: str) -> HighThroughputExecutor:
    """Return plain Parsl whose workers on the controller dial a port forwarded by ``ssh -R``."""
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
        label=label(PARSL_TUNNEL),
        address="127.0.0.1",
        worker_port=TUNNEL_PORT,
        cores_per_worker=0.1,
        max_workers_per_node=WORKERS,
        interchange_launch_cmd=INTERCHANGE_COMMAND,
        launch_cmd=f"ssh -F {ssh_config} -S none {forward} onprem {remote}",
        provider=LocalProvider(init_blocks=0, launcher=SimpleLauncher()),
    )


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


def serve(pipe: Pipe) -> None:
    """Measure a rival whenever one is named, until nothing more comes."""
    apps: dict[str, Any] = {}
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        name, tasks, trips = asked
        app = apps.setdefault(name, parsl.python_app(abs, executors=[label(name)]))
        pipe.send((throughput(app, tasks), round_trip(app, trips) if trips else 0.0))


def towline_script(pipe: Pipe, executors: Mapping[str, Any]) -> None:
    """Be a script that runs on Towline."""
    with towline.load({label(name): wanted for name, wanted in executors.items()}):
        serve(pipe)


def parsl_script(pipe: Pipe, ssh_config: Path, user: str, python: str) -> None:
    """Be a script that runs on plain Parsl, with Parsl's defaults."""
    connection = Connection(ClusterStore().load("onprem").destination())
    tunnel = tunnel_executor(ssh_config, user, python)
    config = Config(
        executors=[local_executor(), tunnel], run_dir=str(ssh_config.parent / "plain-parsl")
    )
    with parsl.load(config):
        connection.run(
            "umask 077; mkdir -p ~/tunnel && tar -xf - -C ~/tunnel",
            input=pack_keys(Path(str(tunnel.cert_dir))),
            check=True,
        )
        tunnel.scale_out_facade(1)
        serve(pipe)


Ask = Callable[[str, int, int], tuple[float, float]]
"""(rival, tasks, round trips) -> (tasks/s, median milliseconds of a round trip)."""


@contextmanager
def script(target: Callable[..., None], *arguments: Any) -> Iterator[Ask]:
    """Run a script in a process of its own; yield what asks it to measure."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    ours.recv()

    def ask(name: str, tasks: int, trips: int) -> tuple[float, float]:
        ours.send((name, tasks, trips))
        rate, trip = ours.recv()
        return rate, trip

    try:
        yield ask
    finally:
        ours.send(None)
        process.join()


def bring_environment(executor: Mapping[str, Any]) -> str:
    """Run one task; return the interpreter of the environment that this brought to onprem."""
    with towline.load({"warm": dict(executor)}):
        parsl.python_app(abs, executors=["warm"])(1).result()
    connection = Connection(ClusterStore().load("onprem").destination())
    return connection.run("ls -d ~/.towline/envs/sync*/bin/python").stdout.split()[0]
