"""Reads of runs a second, and how long the slowest hundredth takes, with 10,000 stored runs.

python bench/api_reads.py [--runs 10000] [--seconds 5] [--connections 8]

The load comes from another process on the same cores; CPU time a read is the server's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time

from common import ratio
from served import Connection, Served, home, served
from stored_runs import make_runs

READS = {
    "one run": ["/runs/{n}"],
    "a page of 50": ["/runs"],
    "a page of 50, by state and text": ["/runs?state=failed&text=ensemble"],
    "a mix: 8 of one run, 1 page of 10, 1 part of a log": [
        *["/runs/{n}"] * 8,
        "/runs?limit=10",
        "/runs/{n}/log?limit=200",
    ],
}


async def load(served_at: Served, paths: list[str], seconds: float, width: int) -> list[float]:
    """Return the seconds that each read took."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        connection = Connection(served_at)
        await connection.open()
        for turn, path in zip(itertools.count(number * 97), itertools.cycle(paths), strict=False):
            began = time.perf_counter()
            status, _ = await connection.ask(path.format(n=turn % 9999 + 1))
            now = time.perf_counter()
            assert status == 200, (status, path)
            took.append(now - began)
            if now > end:
                break
        connection.close()

    await asyncio.gather(*(one(number) for number in range(width)))
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        port, key, name = json.loads(options.load)
        at = Served(port, key, None, 0.0)  # type: ignore[arg-type]
        took = asyncio.run(load(at, READS[name], options.seconds, options.connections))
        print(json.dumps(took))
        return
    with home() as folder:
        make_runs(options.runs)
        with served(folder):
            time.sleep(options.runs / 1000)  # the first start reads every folder
        with served(folder) as at:
            for name in READS:
                _measure(at, name, options)
            print(f"server's memory after that: {at.memory():.0f} MB")


def _measure(at: Served, name: str, options: argparse.Namespace) -> None:
    argv = [sys.executable, __file__, "--seconds", str(options.seconds)]
    argv += ["--connections", str(options.connections)]
    cpu = at.cpu_seconds()
    answer = subprocess.run(
        [*argv, "--load", json.dumps([at.port, at.key, name])],
        stdout=subprocess.PIPE,
        check=True,
    )
    took = sorted(json.loads(answer.stdout))
    rate = len(took) / options.seconds
    each = (at.cpu_seconds() - cpu) / len(took) * 1e3
    p99 = took[int(len(took) * 0.99)]
    print(
        f"{name}: {rate:,.0f} reads/s; p50 {took[len(took) // 2] * 1e3:.1f} ms,"
        f" p99 {p99 * 1e3:.1f} ms; server's CPU {each:.2f} ms a read ({1e3 / each:,.0f} a core)"
    )
    if name == "one run":
        ratio("reads of one run a second / 1,000", [rate], [1000], ">= 1")
    if name.startswith("a mix"):
        ratio("mixed reads a second / 1,000", [rate], [1000], ">= 1")
        ratio("p99 of mixed reads / 50 ms", [p99], [0.05], "<= 1")


if __name__ == "__main__":
    main()
