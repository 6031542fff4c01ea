"""How long a server takes to answer with 10,000 stored runs, and what it needs at rest.

python bench/server_start.py [--runs 10000] [--times 3]
"""

from __future__ import annotations

import argparse
import asyncio
import time

from common import ratio, spread
from served import Connection, Served, home, served
from stored_runs import make_runs

REST_SECONDS = 10.0


async def count(at: Served) -> int:
    """Return how many runs are listed."""
    connection, cursor, found = Connection(at), "", 0
    await connection.open()
    while True:
        _, body = await connection.ask(f"/runs?limit=200{cursor}")
        found += body.count(b'"tag":')
        more = body.rpartition(b'"next_cursor":')[2].strip(b'"}')
        if more == b"null":
            break
        cursor = f"&cursor={more.decode()}"
    connection.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with home() as folder:
        with served(folder) as at:
            time.sleep(2)
            print(
                f"no runs: ready in {at.ready:.2f} s, of CPU {at.ready_cpu:.2f} s,"
                f" memory {at.memory():.0f} MB"
            )
        make_runs(options.runs)
        with served(folder) as at:
            began = time.perf_counter()
            while asyncio.run(count(at)) < options.runs:
                time.sleep(0.2)
            whole = at.ready + time.perf_counter() - began
            print(
                f"{options.runs} runs that it has never seen: ready in {at.ready:.2f} s,"
                f" all listed after {whole:.1f} s"
            )
            time.sleep(3)
        ready, used = [], []
        for _ in range(options.times):
            with served(folder) as at:
                ready.append(at.ready)
                used.append(at.ready_cpu)
                assert asyncio.run(count(at)) == options.runs
        with served(folder) as at:
            time.sleep(3)
            cpu = at.cpu_seconds()
            time.sleep(REST_SECONDS)
            resting = (at.cpu_seconds() - cpu) / REST_SECONDS
            memory = at.memory()
        print(
            f"{options.runs} runs that it knows: ready in {spread(ready)} s, of CPU"
            f" {spread(used)} s, all listed at once;"
            f" at rest {memory:.0f} MB, CPU {resting:.2%}"
        )
        ratio(f"server start with {options.runs} runs / 1.5 s", ready, [1.5], "<= 1")
        ratio(f"memory at rest with {options.runs} runs / 120 MB", [memory], [120.0], "<= 1")


if __name__ == "__main__":
    main()
