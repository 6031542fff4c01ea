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
from typing import Any

import parsl
from common import clusters, ratio, spread

import towline

WORKERS = 4
EXECUTORS: dict[str, Any] = {
    "local": {"cluster": "local", "cores_per_worker": 0.5, "tasks_per_node": WORKERS},
    "node": {"cluster": "onprem", "tasks_per_node": WORKERS, "packages": ["parsl"]},
}


def throughput(app: Any, tasks: int) -> float:
    """Return tasks a second of one batch."""
    began = time.perf_counter()
    for future in [app(number) for number in range(tasks)]:
        future.result()
    return tasks / (time.perf_counter() - began)


def round_trip(app: Any, tasks: int) -> float:
    """Return the median seconds from call to result, one task at a time."""
    seconds = []
    for number in range(tasks):
        began = time.perf_counter()
        app(number).result()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    with clusters(), towline.load(EXECUTORS):
        apps = {label: parsl.python_app(abs, executors=[label]) for label in EXECUTORS}
        for app in apps.values():
            throughput(app, 200)
        rates: dict[str, list[float]] = {label: [] for label in apps}
        trips: dict[str, list[float]] = {label: [] for label in apps}
        for _ in range(options.batches):
            for label, app in apps.items():
                rates[label].append(throughput(app, options.tasks))
                trips[label].append(round_trip(app, 100) * 1000)
    for label in apps:
        print(f"{label}: {spread(rates[label])} tasks/s, round trip {spread(trips[label])} ms")
    ratio("no-op tasks/s, link to a node / local HTEX", rates["node"], rates["local"], ">= 0.95")
    ratio("round trip, link to a node / local HTEX", trips["node"], trips["local"], "-")


if __name__ == "__main__":
    main()
