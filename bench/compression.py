"""Calls a second with 2 MB arguments or results, compressed on the way and not, 80 ms away.

Once on a line as fast as this machine, once on one of 100 Mbit/s each way; with measurements as
text, which shrink to less than half, and with noise, which does not. Batches with and without
compression alternate in one process.

    python bench/compression.py [--batches N] [--calls N]
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable
from typing import Any

import parsl
from common import clusters, ratio, spread
from rivals import COMMON, throughput

import towline
from towline.errors import TestbedError
from towline.testbed import Testbed

SIZE = 2_000_000
MILLISECONDS = 80
MEGABITS = 100
SIDES = {"ws": "eth0", "onprem-ctl": "wan0"}
"""Whose way out is made slow: the workspace's for arguments, the controller's for results."""

ON, OFF = "always", "never"
EXECUTORS = {
    label: {"cluster": "onprem", **COMMON, "compress": label, "interchange": "controller"}
    for label in (ON, OFF)
}


def measurements() -> bytes:
    """Return 2 MB of lines such as instruments and simulations write."""
    numbers = random.Random(1)  # noqa: S311 - the same each time
    lines = []
    for step in range(SIZE // 24):
        lines.append(f"{step:7d} {numbers.gauss(300, 5):9.4f} {numbers.random():.4f}\n")
    return "".join(lines).encode()[:SIZE]


def write(path: str, data: bytes) -> int:
    """Keep a payload in a file on the cluster."""
    with open(path, "wb") as file:  # noqa: PTH123 - runs on a worker
        return file.write(data)


def read(path: str) -> bytes:
    """Return a payload kept before."""
    with open(path, "rb") as file:  # noqa: PTH123 - runs on a worker
        return file.read()


def limit(testbed: Testbed, megabits: int) -> None:
    """Let so many megabits a second through, each way; 0: as many as there are."""
    for host, interface in SIDES.items():
        rule = ["root", "tbf", "rate", f"{megabits}mbit", "burst", "256kb", "latency", "300ms"]
        change = (
            ["replace", "dev", interface, *rule] if megabits else ["del", "dev", interface, "root"]
        )
        testbed.exec(host, ["tc", "qdisc", *change])


def crossed(testbed: Testbed) -> int:
    """Return the bytes that went to and from the controller so far."""
    shown = testbed.exec("onprem-ctl", ["cat", "/proc/net/dev"]).stdout.splitlines()
    counters = next(line.split(":")[1].split() for line in shown if "wan0:" in line)
    return int(counters[0]) + int(counters[8])


Call = Callable[[str], Callable[[int], Any]]
"""Executor's label -> what makes the nth call there."""


def calls() -> dict[str, Call]:
    """Return what is called, by name; the payloads that results are made of lie on the cluster."""
    found: dict[str, Call] = {}
    for name, payload in (("text", measurements()), ("noise", os.urandom(SIZE))):
        path = f"payload-{name}"
        parsl.python_app(write, executors=[ON])(path, payload).result()

        def argument(label: str, payload: bytes = payload) -> Callable[[int], Any]:
            app = parsl.python_app(len, executors=[label])
            return lambda _: app(payload)

        def result(label: str, path: str = path) -> Callable[[int], Any]:
            app = parsl.python_app(read, executors=[label])
            return lambda _: app(path)

        found |= {f"2 MB {name} as argument": argument, f"2 MB {name} as result": result}
    return found


def measure(testbed: Testbed, line: str, batches: int, count: int) -> None:
    """Measure and print what the line makes of each kind of call."""
    for name, call in calls().items():
        rates: dict[str, list[float]] = {ON: [], OFF: []}
        megabytes = dict(rates)
        order = list(rates)
        run = {label: call(label) for label in order}
        for label in order:
            throughput(run[label], 4)
        for _ in range(batches):
            for label in order:
                before = crossed(testbed)
                rates[label].append(throughput(run[label], count))
                megabytes[label] = [(crossed(testbed) - before) / count / 1e6]
            order.reverse()
        for label in (ON, OFF):
            words = f"{spread(rates[label])} calls/s, {megabytes[label][0]:.2f} MB a call"
            print(f"{line}, {name}, compress {label}: {words}")
        goal = ">= 0.9" if "noise" in name else ">= 1.5" if "Mbit" in line else "-"
        ratio(f"calls/s, {line}, {name}, compressed / not", rates[ON], rates[OFF], goal)


def measure_small(batches: int, tasks: int) -> None:
    """Measure and print what no-op tasks pay for it."""
    rates: dict[str, list[float]] = {ON: [], OFF: []}
    apps = {label: parsl.python_app(abs, executors=[label]) for label in rates}
    order = list(rates)
    for label in order:
        throughput(apps[label], tasks // 4)
    for _ in range(batches):
        for label in order:
            rates[label].append(throughput(apps[label], tasks))
        order.reverse()
    ratio("no-op tasks/s at 80 ms, compress always / never", rates[ON], rates[OFF], ">= 0.95")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--calls", type=int, default=16)
    options = parser.parse_args()
    with clusters() as testbed:
        testbed.set_round_trip("onprem", MILLISECONDS)
        with towline.load(EXECUTORS):
            measure_small(3 * options.batches, 2000)
            measure(testbed, f"{MILLISECONDS} ms", options.batches, options.calls)
            try:
                limit(testbed, MEGABITS)
            except TestbedError as error:
                print(f"no line of {MEGABITS} Mbit/s on this kernel: {error}")
                return
            line = f"{MILLISECONDS} ms, {MEGABITS} Mbit/s"
            measure(testbed, line, options.batches, options.calls)
            limit(testbed, 0)


if __name__ == "__main__":
    main()
