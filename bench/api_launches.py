"""Launches of a workflow a second over the API, with 10,000 stored runs; each a real supervisor.

python bench/api_launches.py [--runs 10000] [--launches 60] [--connections 4]

Beside it the price of what every launch needs: two Python processes, supervisor and script.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from pathlib import Path

from common import ratio
from served import Connection, Served, home, served
from stored_runs import make_runs

from towline.workflows import Catalog, FromPath


def install(folder: Path, script: str, name: str) -> None:
    """Install a workflow that is one script."""
    source = folder / "sources" / name
    source.mkdir(parents=True)
    (source / "main.py").write_text(script)
    (source / "workflow.yaml").write_text(f"title: {name}\nrun: [python, -S, main.py]\n")
    Catalog().add(FromPath(source), name)


async def launch(at: Served, count: int, width: int) -> list[float]:
    """Launch runs; return the seconds that each took to be answered."""
    left, took = iter(range(count)), []

    async def one() -> None:
        connection = Connection(at)
        await connection.open()
        for _ in left:
            began = time.perf_counter()
            status, body = await connection.ask("/runs", "POST", {"workflow": "quick"})
            assert status == 201, body
            took.append(time.perf_counter() - began)
        connection.close()

    await asyncio.gather(*(one() for _ in range(width)))
    return took


async def until_over(at: Served) -> None:
    """Wait until no run is alive."""
    connection = Connection(at)
    await connection.open()
    states = "&".join(f"state={each}" for each in ("created", "starting", "running", "cancelling"))
    while b'"number"' in (await connection.ask(f"/runs?limit=1&{states}"))[1]:
        await asyncio.sleep(0.2)
    connection.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--launches", type=int, default=60)
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    with home() as folder:
        make_runs(options.runs)
        install(folder, "print('quick')", "quick")
        with served(folder) as at:
            time.sleep(options.runs / 1000)  # the first start reads every folder
            asyncio.run(launch(at, 4, 2))
            cpu, began = at.cpu_seconds(), time.perf_counter()
            took = sorted(asyncio.run(launch(at, options.launches, options.connections)))
            rate = options.launches / (time.perf_counter() - began)
            each = (at.cpu_seconds() - cpu) / options.launches
            asyncio.run(until_over(at))
            whole = options.launches / (time.perf_counter() - began)
    began = time.perf_counter()
    for _ in range(10):
        supervisor = [sys.executable, "-c", "import towline.runs.supervisor"]
        subprocess.run(supervisor, check=True)
        subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
    alone = 10 / (time.perf_counter() - began)
    print(
        f"launches: {rate:.1f} a second answered, {whole:.1f} a second run to their ends;"
        f" p50 {took[len(took) // 2] * 1e3:.0f} ms; server's CPU {each * 1e3:.0f} ms a launch;"
        f" the two processes alone, one after the other: {alone:.1f} a second"
    )
    ratio("launches a second / starting their two processes", [rate], [alone], ">= 0.5")


if __name__ == "__main__":
    main()
