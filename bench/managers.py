"""No-op tasks a second with 64 nodes' worth of managers on one cluster, against one node.

Processes on the controller stand in for the nodes: each is a manager with one worker.

    python bench/managers.py [--managers N] [--batches N] [--tasks N]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import parsl
from common import clusters, ratio, spread
from rivals import throughput

import towline

COMMON: dict[str, Any] = {
    "cluster": "onprem",
    "provider": "controller",
    "cores_per_worker": 0.1,
    "packages": ["parsl"],
}
START_SECONDS = 600


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--managers", type=int, default=64)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    count = options.managers
    executors = {
        "one": {**COMMON, "tasks_per_node": 4},
        "many": {
            **COMMON,
            "tasks_per_node": 1,
            "init_blocks": count,
            "min_blocks": count,
            "max_blocks": count,
        },
    }
    rates: dict[str, list[float]] = {label: [] for label in executors}
    with clusters(), towline.load(executors) as dfk:
        began = time.monotonic()
        while len(dfk.executors["many"].connected_managers()) < count:
            if time.monotonic() - began > START_SECONDS:
                raise SystemExit(f"not all managers have come in {START_SECONDS} s")
            time.sleep(1)
        print(f"{count} managers after {time.monotonic() - began:.0f} s")
        apps = {label: parsl.python_app(abs, executors=[label]) for label in executors}
        for app in apps.values():
            throughput(app, 500)
        for _ in range(options.batches):
            for label, app in apps.items():
                rates[label].append(throughput(app, options.tasks))
        left = len(dfk.executors["many"].connected_managers())
    for label, values in rates.items():
        print(f"{label}: {spread(values)} tasks/s")
    assert left == count, f"{count - left} managers were lost"
    ratio(f"tasks/s, {count} managers / one with 4 workers", rates["many"], rates["one"], "-")


if __name__ == "__main__":
    main()
