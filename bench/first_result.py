"""First result of a script on a warm cluster, against the same script started on the controller.

Warm: the SSH connection is up and the environment is there. Both submit one Slurm job and wait for
one task; both count from the start of the Python process to its end of the first ``result()``.

    python bench/first_result.py [--runs N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import clusters, spread

from towline.testbed import Testbed

OURS = """
import time; began = time.time()
import platform, parsl, towline
with towline.load({"a": {"cluster": "onprem", "tasks_per_node": 1, "packages": ["parsl"]}}):
    parsl.python_app(platform.node)().result()
    print("first", time.time() - began)
"""

THEIRS = """
import time; began = time.time()
import os, platform, sys
os.environ["PATH"] = os.path.dirname(sys.executable) + ":" + os.environ["PATH"]
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import SlurmProvider
command = [sys.executable, "-m", "parsl.executors.high_throughput.interchange"]
from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
pool = sys.executable + " -m parsl.executors.high_throughput.process_worker_pool"
config = Config(strategy_period=0.5, executors=[HighThroughputExecutor(
    label="a", address="172.20.0.1", max_workers_per_node=1, interchange_launch_cmd=command,
    launch_cmd=DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", pool),
    provider=SlurmProvider(exclusive=False, cores_per_node=1, walltime="00:10:00",
                           launcher=SimpleLauncher()))])
with parsl.load(config):
    parsl.python_app(platform.node)().result()
    print("first", time.time() - began)
"""


def ours() -> float:
    """Run our script here; return its seconds to the first result."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(OURS)
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def theirs(testbed: Testbed, python: str) -> float:
    """Run the plain Parsl script on the controller; return its seconds to the first result."""
    argv = ["env", f"HOME={testbed.clusters['onprem'].home}", "sh", "-c"]
    command = f"cd; cat > plain.py; exec {python} plain.py"
    done = testbed.exec(
        "onprem-ctl", [*argv, command], user=testbed.clusters["onprem"].user, input=THEIRS
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with clusters() as testbed:
        ours()  # brings the environment there
        user = testbed.clusters["onprem"].user
        found = testbed.exec(
            "onprem-ctl", ["sh", "-c", f"ls -d /home/{user}/.towline/envs/sync*/bin/python"]
        )
        python = found.stdout.split()[0]
        theirs(testbed, python)
        pairs = [(ours(), theirs(testbed, python)) for _ in range(options.runs)]
    here, there = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    extra = [a - b for a, b in pairs]
    print(f"through Towline: {spread(here)} s; on the controller: {spread(there)} s")
    print(f"first result, Towline minus on the controller: {spread(extra)} s (goal <= 1.5)")
    print(json.dumps({"name": "first result, extra seconds", "value": statistics.median(extra)}))


if __name__ == "__main__":
    main()
