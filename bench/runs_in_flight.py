"""1,000 runs alive at once, each with a real supervisor: memory a run, and what the server needs.

python bench/runs_in_flight.py [--runs 1000] [--keep-free 4000]

The scripts are stand-ins: `cat` on a pipe, which ends when the pipe does. Stops early when the
machine has less than --keep-free MB left, and says how far it came.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path

from api_launches import until_over
from common import ratio
from served import Connection, Served, home, served

from towline.runs import RunFolder
from towline.workflows import Catalog, FromPath

STEP = 20
REST_SECONDS = 10.0


def free_memory() -> int:
    """Return the MB that the machine could still give."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) // 1024


def proportional(pid: int) -> float:
    """Return the MB of a process, with its part of what is shared."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


async def fill(at: Served, most: int, keep_free: int) -> int:
    """Launch runs until there are enough, or memory is short; return how many there are."""
    connections = [Connection(at) for _ in range(4)]
    for connection in connections:
        await connection.open()
    count = 0

    async def some(connection: Connection) -> None:
        for _ in range(STEP // len(connections)):
            status, body = await connection.ask("/runs", "POST", {"workflow": "waits"})
            assert status == 201, body

    while count < most and free_memory() > keep_free:
        await asyncio.gather(*(some(connection) for connection in connections))
        count += STEP
    for connection in connections:
        connection.close()
    return count


async def reads(at: Served) -> list[float]:
    """Return the seconds that reads take while nothing else is asked."""
    connection = Connection(at)
    await connection.open()
    took = []
    for _ in range(300):
        began = time.perf_counter()
        await connection.ask("/runs?state=running&limit=50")
        took.append(time.perf_counter() - began)
    connection.close()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--keep-free", type=int, default=4_000)
    options = parser.parse_args()
    with home() as folder:
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        source = folder / "sources" / "waits"
        source.mkdir(parents=True)
        (source / "workflow.yaml").write_text(f"run: [cat, {pipe}]\n")
        Catalog().add(FromPath(source), "waits")
        with served(folder) as at:
            free, began = free_memory(), time.perf_counter()
            count = asyncio.run(fill(at, options.runs, options.keep_free))
            took = time.perf_counter() - began
            time.sleep(3)
            each = (free - free_memory()) / count
            keepers = [keeper.pid for run in RunFolder.all() if (keeper := run.keeper())]
            own = statistics.median(proportional(pid) for pid in keepers[:50])
            time.sleep(6)
            cpu = at.cpu_seconds()
            time.sleep(REST_SECONDS)
            resting = (at.cpu_seconds() - cpu) / REST_SECONDS
            p99 = sorted(asyncio.run(reads(at)))[-3]
            memory = at.memory()
            began = time.perf_counter()
            _let_go(pipe)
            asyncio.run(until_over(at))
            ending = time.perf_counter() - began
            states = [run.events.last().facts.get("state") for run in RunFolder.all()]  # type: ignore[union-attr]
            assert states == ["succeeded"] * count, "not every run has ended well"
    print(
        f"{count} runs in flight (asked for: {options.runs}), launched in {took:.0f} s;"
        f" {each:.1f} MB of the machine's memory a run, of which its supervisor {own:.1f} MB;"
        f" server: {memory:.0f} MB, CPU {resting:.1%} while all are quiet, reads p99"
        f" {p99 * 1e3:.0f} ms; all ended, and known to have, within {ending:.0f} s"
    )
    ratio("runs in flight / 1,000", [count], [1000], ">= 1")
    ratio("memory a run in flight / 20 MB", [each], [20], "<= 1")


def _let_go(pipe: Path) -> None:
    """End every `cat`: a pipe that had a writer and has none any more is at its end."""
    descriptor = os.open(pipe, os.O_WRONLY)
    time.sleep(1)
    os.close(descriptor)


if __name__ == "__main__":
    main()
