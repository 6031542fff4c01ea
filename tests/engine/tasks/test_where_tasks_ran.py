"""Rows of tasks on two real clusters: host, worker, block, tries; read while the run is alive."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from typing import Any

import parsl

import towline
from towline.runs import RunFolder
from towline.runs.tasks import TaskTry, TryState, read_tries
from towline.testbed import Testbed

EXECUTORS: dict[str, Any] = {
    "a": {"cluster": "onprem", "partition": "compute", "tasks_per_node": 2, "packages": ["parsl"]},
    "b": {"cluster": "cloud", "provider": "controller", "packages": ["parsl"]},
}
ONCE = "[ -e ~/tried ] && rm ~/tried || { touch ~/tried; kill -9 $PPID; sleep 60; }"
"""Ends the worker that runs it; at the second try, does nothing."""


def app(label: str, function: Any) -> Any:
    """Return an app of a function of the standard library, as workers have no tests."""
    return parsl.python_app(function, executors=[label])


def row_of(tries: list[TaskTry], future: Any, number: int = 1) -> TaskTry:
    """Return a try of the task behind a future."""
    task = str(future.task_record["id"])
    return next(each for each in tries if (each.task, each.number) == (task, number))


def test_rows_say_where_and_how_often_tasks_ran(clusters: Testbed) -> None:
    """What a task itself sees of its place stands in its row; so does the worker that was lost."""
    loaded = towline.load(EXECUTORS)
    try:
        folder = RunFolder.all()[0]
        hosts = {label: app(label, platform.node)() for label in EXECUTORS}
        ranks = {label: app(label, os.getenv)("PARSL_WORKER_RANK") for label in EXECUTORS}
        pids = {label: app(label, os.getpid)() for label in EXECUTORS}
        killer = app("a", subprocess.call)(["sh", "-c", ONCE])
        seen = {label: hosts[label].result(60) for label in EXECUTORS}

        waiting = app("b", subprocess.call)(["sleep", "600"])
        deadline = time.monotonic() + 30
        while not any(each.task == str(waiting.task_record["id"]) for each in alive(folder)):
            assert time.monotonic() < deadline, "the store is not readable while the run is alive"
            time.sleep(0.1)
        assert row_of(alive(folder), waiting).state is TryState.LAUNCHED
        assert killer.result(90) == 0
        ids = {label: loaded.dfk.executors[label].blocks_to_job_id for label in EXECUTORS}
        own = {x: (ranks[x].result(60), pids[x].result(60)) for x in EXECUTORS}
    finally:
        loaded.close(TimeoutError("a task is not waited for"))

    tries = read_tries(folder.tasks, over=True)
    for label, wanted in EXECUTORS.items():
        row = row_of(tries, hosts[label])
        assert (row.cluster, row.host) == (wanted["cluster"], seen[label])
        assert row.block in ids[label]
        assert row.state is TryState.DONE
        assert row_of(tries, ranks[label]).worker == own[label][0]
        assert row_of(tries, pids[label]).pid == own[label][1]
    lost, again = row_of(tries, killer), row_of(tries, killer, 2)
    assert (lost.state, lost.error, lost.cluster) == (TryState.LOST, "WorkerLost", "onprem")
    assert lost.host in ("onprem-n1", "onprem-n2")
    assert (again.state, again.host) == (TryState.DONE, lost.host)
    assert row_of(tries, waiting).state is TryState.LOST


def alive(folder: RunFolder) -> list[TaskTry]:
    """Return what another process would read now."""
    return read_tries(folder.tasks, over=False)
