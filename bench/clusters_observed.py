"""What it costs to look after 100 clusters, half of them dead for a while.

python bench/clusters_observed.py [--clusters 100] [--seconds 60]

All definitions lead to the testbed's two controllers, each over an SSH connection of its own. The
server runs in this process, so that the latency of its event loop can be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import tempfile
import time
from pathlib import Path

from common import ratio

from towline.clusters import ClusterStore
from towline.clusters.on_testbed import definition_of
from towline.clusters.power import Desired, PowerState
from towline.server.app import create_app
from towline.server.control.clusters import ClusterReconciler
from towline.server.settings import Settings
from towline.ssh import Connection
from towline.testbed import Testbed

LATENCY_LIMIT = 0.050  # seconds, p99: what a page or a request would wait
CPU_LIMIT = 0.5  # of one core, for 100 clusters that are all watched
TICK = 0.01


def define(testbed: Testbed, folder: Path, count: int) -> None:
    """Define so many clusters; each has its own ssh_config, and with it its own connection."""
    text = testbed.ssh_config.read_text()
    for number in range(count):
        config = folder / f"ssh_config_{number}"
        config.write_text(text)
        host = ("onprem", "cloud")[number % 2]
        facts = {"host": host, "ssh_config": str(config)}
        ClusterStore().add(definition_of(testbed, f"{host}-{number:03}", **facts))


def cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), children.ru_utime + children.ru_stime


async def late(seconds: float, clusters: ClusterReconciler) -> list[float]:
    """Return how late the loop was at each tick, while all clusters are watched."""
    found = []
    end = time.monotonic() + seconds
    watched = 0.0
    while (now := time.monotonic()) < end:
        if now - watched > 5:
            watched = now
            for managed in clusters.clusters.values():
                clusters.watch(managed)
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        found.append(time.perf_counter() - before - TICK)
    return sorted(found)


async def until(clusters: ClusterReconciler, prefix: str, state: PowerState, limit: float) -> float:
    """Wait until all clusters of a kind are in a state; return the seconds."""
    began = time.monotonic()
    while any(
        managed.state is not state
        for name, managed in clusters.clusters.items()
        if name.startswith(prefix)
    ):
        if time.monotonic() - began > limit:
            states = [managed.state.value for managed in clusters.clusters.values()]
            raise SystemExit(f"not {state.value} after {limit:.0f} s: {states}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def measure(testbed: Testbed, count: int, seconds: float) -> None:
    """Switch all on, look after them, cut half of them off, and print what that cost."""
    app = create_app(Settings(port=8697))
    async with app.router.lifespan_context(app):
        clusters: ClusterReconciler = app.state.services.clusters
        for managed in list(clusters.clusters.values()):
            await clusters.want(managed, Desired.ON)
        took = await until(clusters, "", PowerState.ON, 300)
        print(f"{count} clusters connected and checked in {took:.1f} s")
        own, others = cpu()
        lag = await late(seconds, clusters)
        own, others = cpu()[0] - own, cpu()[1] - others
        p99 = lag[int(len(lag) * 0.99)]
        ages = [time.time() - (m.observed_at or 0) for m in clusters.clusters.values()]
        print(
            f"all watched for {seconds:.0f} s: loop late p50 {lag[len(lag) // 2] * 1000:.1f} ms,"
            f" p99 {p99 * 1000:.1f} ms, most {lag[-1] * 1000:.0f} ms; CPU {own / seconds:.1%} own,"
            f" {others / seconds:.1%} ssh; oldest look {max(ages):.0f} s"
        )
        ratio(f"{count} clusters: loop's lateness p99 / 50 ms", [p99], [LATENCY_LIMIT], "<= 1")
        share = (own + others) / seconds
        ratio(f"{count} clusters: CPU / half a core", [share], [CPU_LIMIT], "<= 1")
        with testbed.cut("cloud"):
            for managed in clusters.clusters.values():
                managed.due = 0.0
            await until(clusters, "cloud", PowerState.UNKNOWN, 120)
            lag = await late(seconds, clusters)
            alive = [m for name, m in clusters.clusters.items() if name.startswith("onprem")]
            oldest = max(time.time() - (m.observed_at or 0) for m in alive)
            p99 = lag[int(len(lag) * 0.99)]
            print(
                f"half of them dead: loop late p99 {p99 * 1000:.1f} ms; "
                f"oldest look at a living one {oldest:.0f} s"
            )
            ratio("oldest look beside 50 dead clusters / 30 s", [oldest], [30.0], "<= 1.1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TOWLINE_HOME"] = str(folder / "home")
        with Testbed(folder / "testbed", accounting=False) as testbed:
            define(testbed, folder, options.clusters)
            try:
                asyncio.run(measure(testbed, options.clusters, options.seconds))
            finally:
                for each in ClusterStore().list():
                    Connection(each.destination()).close()


if __name__ == "__main__":
    main()
