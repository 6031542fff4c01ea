"""The connection breaks under streaming load: no task is lost, hung, or run twice for it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from towline.testbed import Testbed

from .conftest import NothingLeft, Start
from .remains import shared_connections
from .scripts import HEAD, on_both
from .towline_run import TowlineRun
from .waiting import until

CUTS = 20
THRESHOLD_SECONDS = 15
OUTAGE_SECONDS = 2 * THRESHOLD_SECONDS + 5

STREAM = (
    HEAD
    + """\
import json, threading

def echo(n, payload):
    import os
    with open(os.path.expanduser("~/echoed-" + os.environ["TOWLINE_RUN_TAG"]), "a") as file:
        file.write(f"{n} ")
    return n, payload

BIG = os.urandom(2_000_000)
PAYLOADS = [b"small"] * 19 + [BIG]
futures = {"a": [], "b": []}

def feed(label):
    echo_there, room = app(label, echo), threading.Semaphore(12)
    while not os.path.exists("enough"):
        room.acquire(timeout=1)
        n = len(futures[label])
        future = echo_there(n, PAYLOADS[n % 20])
        future.add_done_callback(lambda done: room.release())
        futures[label].append(future)

with towline.load() as dfk:
    feeders = [threading.Thread(target=feed, args=[label]) for label in futures]
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join()
    hung = {}
    for label, those in futures.items():
        deadline = time.time() + 60
        hung[label] = 0
        for future in those:
            try:
                future.exception(max(0, deadline - time.time()))
            except TimeoutError:
                hung[label] += 1
    facts = {
        label: {
            "sent": len(those),
            "hung": hung[label],
            "wrong": 0 if hung[label] else sum(
                future.exception() is not None or future.result() != (n, PAYLOADS[n % 20])
                for n, future in enumerate(those)
            ),
            "tried again": sum(future.task_record["try_id"] > 0 for future in those),
        }
        for label, those in futures.items()
    }
    print("facts", json.dumps(facts))
    if any(hung.values()):
        os._exit(3)
"""
)


def streaming(start: Start) -> TowlineRun:
    """Start the stream; return when tasks are done on both clusters.

    The interchange of `b` runs on its controller, with a threshold that the outage exceeds.
    """
    executors = on_both()
    executors["a"]["interchange"] = "workspace"
    executors["b"] |= {"interchange": "controller", "heartbeat_threshold": THRESHOLD_SECONDS}
    run = start(STREAM, executors)
    wait_for_tasks(run, 100)
    return run


def assert_exactly_once(clusters: Testbed, run: TowlineRun) -> None:
    """End the stream; compare what was sent, what came back, and what nodes have executed."""
    (run.work / "enough").touch()
    ended = run.end(150)
    assert ended.exit_code == 0, ended
    facts = json.loads(ended.output.partition("facts ")[2])
    for label, cluster in (("a", clusters.clusters["onprem"]), ("b", clusters.clusters["cloud"])):
        sent = facts[label].pop("sent")
        assert facts[label] == {"hung": 0, "wrong": 0, "tried again": 0}, ended
        echoed = f"{cluster.home}/echoed-{run.folder.tag}"
        executed = Counter(clusters.exec(cluster.controller, ["cat", echoed]).stdout.split())
        assert executed == Counter(str(n) for n in range(sent))
        jobs = run.events("block", executor=label, state="queued")
        assert len(jobs) == 1, "no block was replaced"


@pytest.mark.slow
def test_twenty_cuts_and_a_long_outage_lose_nothing(
    clusters: Testbed, home: Path, start: Start, nothing_left: NothingLeft
) -> None:
    """Both clusters' connections break at once: by the network, or with the ssh that is killed.

    The outage is more than twice as long as the heartbeat threshold of `b`.
    """
    run = streaming(start)
    cut_often(clusters, home, run)
    with clusters.cut("onprem"), clusters.cut("cloud"):
        time.sleep(OUTAGE_SECONDS)  # the outage is the test
    done = tasks_done(run)
    wait_for_tasks(run, done + 100)
    assert_exactly_once(clusters, run)
    nothing_left(run)


def cut_often(clusters: Testbed, home: Path, run: TowlineRun) -> None:
    """Break all connections again and again, as soon as tasks flow over the new ones."""
    for number in range(CUTS):
        resumed = {name: len(resumptions(run, name)) for name in clusters.clusters}
        done = tasks_done(run)
        if number % 2:
            for pid in shared_connections(home):
                os.kill(pid, signal.SIGKILL)
        else:
            for name in clusters.clusters:
                clusters.cut(name)
            for name in clusters.clusters:
                clusters.restore(name)
        for name, before in resumed.items():
            wait_for_resumption(run, name, before, number)
        wait_for_tasks(run, done + 20)


def resumptions(run: TowlineRun, cluster: str) -> list[Any]:
    """Return the times that a cluster's link was up again."""
    return run.events("link", cluster=cluster, state="resumed")


def wait_for_resumption(run: TowlineRun, cluster: str, before: int, cut: int) -> None:
    """Wait until a cluster's link was resumed more often than before a cut."""
    until(
        lambda: len(resumptions(run, cluster)) > before,
        f"the link to {cluster} to resume after cut {cut}",
        lambda: run.events("link")[-6:],
    )


def tasks_done(run: TowlineRun) -> int:
    """Return how many tasks were done when the run last said so."""
    return max((event.facts["done"] for event in run.events("progress")), default=0)


def wait_for_tasks(run: TowlineRun, count: int) -> None:
    """Wait until so many tasks are done."""
    until(
        lambda: tasks_done(run) >= count,
        f"{count} tasks to be done",
        lambda: (run.events("progress")[-1:], run.events("link")[-4:]),
        90,
    )
