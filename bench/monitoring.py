"""No-op tasks a second with each task recorded and measured, against without.

Four workers on this machine, one executor; batches with and without alternate in one process, so
that a machine whose speed drifts does so for both.

    python bench/monitoring.py [--batches N] [--tasks N]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any

import parsl
from common import ratio, spread

import towline
from towline.runs.tasks import read_tries

EXECUTORS: dict[str, Any] = {
    "local": {"cluster": "local", "cores_per_worker": 0.1, "tasks_per_node": 4}
}


def throughput(app: Any, tasks: int) -> float:
    """Return tasks a second of one batch."""
    began = time.perf_counter()
    for future in [app(number) for number in range(tasks)]:
        future.result()
    return tasks / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    rates: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(prefix="towline-bench-") as folder:
        os.environ["TOWLINE_HOME"] = folder
        loaded = towline.load(EXECUTORS)
        with loaded as dfk:
            executor = dfk.executors["local"]
            observer = executor.observer
            assert observer is not None
            seeing = dfk.memoizer
            app = parsl.python_app(abs, executors=["local"])
            throughput(app, 1000)
            order = [True, False]
            for _ in range(options.batches):
                for on in order:
                    executor.observer = observer if on else None
                    dfk.memoizer = seeing if on else seeing._users
                    rates[on].append(throughput(app, options.tasks))
                order.reverse()
        tries = read_tries(loaded.run_folder / "tasks", over=True)
    expected = 1000 + options.batches * options.tasks
    measured = sum(each.seconds is not None for each in tries)
    assert len(tries) == measured == expected, f"{measured} of {len(tries)}, not {expected}"
    for on, words in ((True, "with records"), (False, "without")):
        print(f"{words}: {spread(rates[on])} tasks/s")
    ratio("no-op tasks/s, with task records / without", rates[True], rates[False], ">= 0.9")


if __name__ == "__main__":
    main()
