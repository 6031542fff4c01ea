"""200 open streams of logs: memory a stream, CPU at rest and while all grow, and the delay.

python bench/log_streams.py [--streams 200]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time

from common import ratio
from served import Connection, Served, home, served

from towline.runs import RunFolder

SECONDS = 5.0


async def follow(at: Served, folders: list[RunFolder], width: int) -> None:
    """Open the streams, let the logs grow, and print what it costs."""
    before = at.memory()
    connections = [Connection(at) for _ in range(width)]
    for number, connection in enumerate(connections):
        await connection.open()
        connection.send(f"/runs/{folders[number % len(folders)].number}/log/events")
        await connection.until(b": begins\n\n")
    await asyncio.sleep(3)
    each = (at.memory() - before) * 1024 / width
    cpu = at.cpu_seconds()
    await asyncio.sleep(SECONDS)
    resting = (at.cpu_seconds() - cpu) / SECONDS
    delays: list[float] = []

    async def read(connection: Connection) -> None:
        while True:
            event = await connection.until(b"\n\n")
            if b"event: log" in event:
                line = next(line for line in event.split(b"\n") if line.startswith(b"data: "))
                said = json.loads(line[6:])["text"].split()
                delays.append(time.time() - float(said[-1]))

    readers = [asyncio.create_task(read(connection)) for connection in connections]
    cpu, began = at.cpu_seconds(), time.perf_counter()
    logs = [folder.stdout_log.open("a", buffering=1) for folder in folders]
    while time.perf_counter() - began < SECONDS:
        for log in logs:
            log.write(f"step 12 of 100 is done {time.time():.4f}\n")
        await asyncio.sleep(0.5)
    growing = (at.cpu_seconds() - cpu) / SECONDS
    await asyncio.sleep(1)
    for reader in readers:
        reader.cancel()
    for connection in connections:
        connection.close()
    name = f"{width} streams of {len(folders)} log{'s' * (len(folders) > 1)}"
    print(
        f"{name}: {each:.0f} kB a stream; CPU {resting:.1%} at rest, {growing:.1%} while each log"
        f" gets a line twice a second; delay p50 {statistics.median(delays) * 1e3:.0f} ms,"
        f" at most {max(delays) * 1e3:.0f} ms; {len(delays)} events came"
    )
    ratio(f"{name}: memory a stream / 100 kB", [each], [100.0], "<= 1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=200)
    options = parser.parse_args()
    for logs in (options.streams, 1):
        with home() as folder:
            # Runs whose supervisor is this process: alive as long as it is.
            folders = [RunFolder.create("main.py") for _ in range(logs)]
            for each in folders:
                each.keep()
                each.events.append("starting")
                each.events.append("running")
                each.stdout_log.touch()
            with served(folder) as at:
                time.sleep(1)
                asyncio.run(follow(at, folders, options.streams))


if __name__ == "__main__":
    main()
