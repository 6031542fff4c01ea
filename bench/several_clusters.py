"""No-op tasks a second on one, two and four clusters at once, and with one of two cut off.

Four workers in all: on one cluster, two on each of two, or one on each of four. Four clusters are
two users on each of the testbed's two; each has a connection, a link and an interchange of its own.
Two figures: the sum of the clusters' own rates, each with the same number of tasks, and the rate
until the last task is back when Parsl deals the tasks out, which it does at random.

    python bench/several_clusters.py [--batches N] [--tasks N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import parsl
from common import clusters, ratio, spread
from rivals import throughput

import towline
from towline.clusters import ClusterStore
from towline.clusters.on_testbed import definition_of
from towline.testbed import Testbed

COMMON: dict[str, Any] = {"cores_per_worker": 0.1, "packages": ["parsl"]}
WORKERS = 4
NAMES = ("onprem", "cloud", "onprem-2", "cloud-2")
SPREADS = (1, 2, 4)


def labels(count: int) -> list[str]:
    """Return the executors that share the workers among so many clusters."""
    return [f"of{count}_{number}" for number in range(count)]


def executors(testbed: Testbed) -> dict[str, Any]:
    """Define four clusters; return the executors of each spread."""
    for name, info in testbed.clusters.items():
        other = definition_of(testbed, f"{name}-2", host=name, user=info.users[1])
        ClusterStore().add(other)
    return {
        label: {"cluster": cluster, "tasks_per_node": WORKERS // count, **COMMON}
        for count in SPREADS
        for label, cluster in zip(labels(count), NAMES, strict=False)
    }


def summed_rates(apps: Sequence[Any], tasks: int) -> float:
    """Return the sum of the tasks a second of clusters that work side by side, an app each."""
    ended = [0.0] * len(apps)
    share = tasks // len(apps)
    began = time.perf_counter()
    futures = []
    for number in range(share * len(apps)):
        which = number % len(apps)
        future = apps[which](number)
        future.add_done_callback(lambda _, at=which: ended.__setitem__(at, time.perf_counter()))
        futures.append(future)
    for future in futures:
        future.result()
    return sum(share / (end - began) for end in ended)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    rates: dict[int, list[float]] = {count: [] for count in SPREADS}
    sums: dict[int, list[float]] = {count: [] for count in SPREADS}
    beside: dict[str, list[float]] = {"alive": [], "dead": []}
    with clusters() as testbed, towline.load(executors(testbed)):
        apps = {count: parsl.python_app(abs, executors=labels(count)) for count in rates}
        one_each = {
            count: [parsl.python_app(abs, executors=[label]) for label in labels(count)]
            for count in rates
        }
        for app in apps.values():
            throughput(app, 500)
        order = list(rates)
        for _ in range(options.batches):
            for count in order:
                sums[count].append(summed_rates(one_each[count], options.tasks))
                rates[count].append(throughput(apps[count], options.tasks))
            order.append(order.pop(0))
        on_cloud = parsl.python_app(abs, executors=[labels(2)[1]])
        for _ in range(options.batches):
            beside["alive"].append(throughput(apps[1], options.tasks))
            with testbed.cut("cloud"):
                waiting = [on_cloud(number) for number in range(50)]
                beside["dead"].append(throughput(apps[1], options.tasks))
            for future in waiting:
                future.result()
    for count, values in rates.items():
        print(f"{count} clusters: {spread(sums[count])} tasks/s in sum, {spread(values)} as dealt")
    for count in SPREADS[1:]:
        ratio(f"sum of tasks/s, {count} clusters / one", sums[count], sums[1], ">= 0.95")
        ratio(f"tasks/s as Parsl deals them, {count} / one", rates[count], rates[1], "none")
    ratio("tasks/s, beside a dead cluster / a live one", beside["dead"], beside["alive"], ">= 0.95")


if __name__ == "__main__":
    main()
