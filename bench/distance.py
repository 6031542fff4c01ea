"""No-op tasks a second at 0, 20 and 80 ms round trip, for both placements of the interchange.

Against local HTEX and plain ``ssh -R``, four workers each. Towline's interchange runs on the
workspace with nothing sent ahead (Parsl's way), on the workspace with short tasks sent ahead, on
the controller, and where ``auto`` puts it. The scripts take turns, a batch each.

    python bench/distance.py [--batches N] [--tasks N] [--round-trips MS …]
"""

from __future__ import annotations

import argparse
import statistics
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

NODE = {"cluster": "onprem", **COMMON}
PLAIN, WORKSPACE, CONTROLLER, AUTO = (
    "workspace, prefetch 0",
    "workspace",
    "controller",
    "auto",
)
TOWLINE: dict[str, Any] = {
    PLAIN: {**NODE, "interchange": "workspace", "prefetch": 0},
    WORKSPACE: {**NODE, "interchange": "workspace"},
    CONTROLLER: {**NODE, "interchange": "controller"},
    AUTO: NODE,
}
SLOW = {PLAIN, PARSL_TUNNEL}
"""They wait a round trip for each task of each worker: fewer tasks tell as much."""


def measure(
    testbed: Testbed, python: str, milliseconds: int, batches: int, tasks: int
) -> dict[str, list[float]]:
    """Return the tasks/s of each batch of each rival at one distance."""
    testbed.set_round_trip("onprem", milliseconds)
    with (
        script(towline_script, TOWLINE) as ours,
        script(parsl_script, testbed.ssh_config, testbed.clusters["onprem"].user, python) as theirs,
    ):
        rivals = dict.fromkeys(TOWLINE, ours) | {PARSL_HERE: theirs, PARSL_TUNNEL: theirs}
        counts = {name: tasks // 8 if name in SLOW and milliseconds else tasks for name in rivals}
        for name, ask in rivals.items():
            ask(name, counts[name] // 4, 0)
        rates: dict[str, list[float]] = {name: [] for name in rivals}
        order = list(rivals)
        for _ in range(batches):
            for name in order:
                rates[name].append(rivals[name](name, counts[name], 0)[0])
            order.append(order.pop(0))
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--round-trips", type=int, nargs="+", default=[0, 20, 80])
    options = parser.parse_args()
    with clusters() as testbed:
        python = bring_environment(NODE)
        for milliseconds in options.round_trips:
            rates = measure(testbed, python, milliseconds, options.batches, options.tasks)
            print(f"{milliseconds} ms:")
            for name, values in rates.items():
                print(f"  {name}: {spread(values)} tasks/s")
            at = f"tasks/s at {milliseconds} ms"
            goal = ">= 0.9" if milliseconds == 80 else "-"
            ratio(f"{at}, controller / local HTEX", rates[CONTROLLER], rates[PARSL_HERE], goal)
            ratio(f"{at}, controller / ssh -R", rates[CONTROLLER], rates[PARSL_TUNNEL], "-")
            ratio(f"{at}, sent ahead / prefetch 0", rates[WORKSPACE], rates[PLAIN], "-")
            better = max((rates[WORKSPACE], rates[CONTROLLER]), key=statistics.median)
            ratio(f"{at}, auto / the better placement", rates[AUTO], better, ">= 0.9")


if __name__ == "__main__":
    main()
