"""No-op tasks a second and round trip: Towline's link, against plain Parsl here and over ssh -R.

Four workers each. Plain Parsl is a script of its own with Parsl's defaults: its HTEX on this
machine, and HTEX whose workers on the controller dial a port forwarded by ``ssh -R`` (nodes cannot
reach one where ``GatewayPorts`` is ``no``). The Towline script has Towline's defaults, workers on a
Slurm node, on the controller and here. The scripts take turns, a batch each, so that a machine
whose speed drifts does so for all.

    python bench/no_op_tasks.py [--batches N] [--tasks N]
"""

from __future__ import annotations

import argparse
from typing import Any

from common import clusters, ratio, spread
from rivals import (
    COMMON,
    PARSL_HERE,
    PARSL_TUNNEL,
    bring_environment,
    parsl_script,
    script,
    towline_script,
)

from towline.testbed import Testbed

TOWLINE: dict[str, Any] = {
    "towline node": {"cluster": "onprem", **COMMON},
    "towline controller": {"cluster": "onprem", "provider": "controller", **COMMON},
    "towline here": {"cluster": "local", **COMMON},
}


def measure(testbed: Testbed, batches: int, tasks: int) -> dict[str, list[tuple[float, float]]]:
    """Return (tasks/s, round trip in ms) of each batch of each rival."""
    python = bring_environment(TOWLINE["towline node"])
    user = testbed.clusters["onprem"].user
    with (
        script(towline_script, TOWLINE) as ours,
        script(parsl_script, testbed.ssh_config, user, python) as theirs,
    ):
        rivals = dict.fromkeys(TOWLINE, ours) | {PARSL_HERE: theirs, PARSL_TUNNEL: theirs}
        for name, ask in rivals.items():
            ask(name, 300, 10)
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
        order = list(rivals)
        for _ in range(batches):
            for name in order:
                results[name].append(rivals[name](name, tasks, 100))
            order.append(order.pop(0))  # each comes after each of the others
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    with clusters() as testbed:
        results = measure(testbed, options.batches, options.tasks)
    rates = {name: [rate for rate, _ in measured] for name, measured in results.items()}
    trips = {name: [trip for _, trip in measured] for name, measured in results.items()}
    for name in results:
        print(f"{name}: {spread(rates[name])} tasks/s, round trip {spread(trips[name])} ms")
    node, controller, here = TOWLINE
    for what, values in (("no-op tasks/s", rates), ("round trip", trips)):
        goal = ">= 0.95" if values is rates else "-"
        ratio(f"{what}, {node} / {PARSL_HERE}", values[node], values[PARSL_HERE], goal)
        ratio(f"{what}, {node} / {here}", values[node], values[here], "-")
        ratio(
            f"{what}, {controller} / {PARSL_TUNNEL}", values[controller], values[PARSL_TUNNEL], "-"
        )


if __name__ == "__main__":
    main()
