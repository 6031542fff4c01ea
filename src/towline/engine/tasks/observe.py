"""Put an observer of tasks into the options of a parsl.Config."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from parsl.executors import ThreadPoolExecutor
from parsl.executors.base import ParslExecutor

from towline.engine.tasks.observer import TaskLog, TaskObserver

JOINS = "_parsl_internal"
"""Parsl's own executor, in which join apps run."""

WORKSPACE = "local"


class Observable(Protocol):
    """An executor that tells an observer of its tasks."""

    label: str
    observer: TaskObserver | None


def observe(
    log: TaskLog,
    executors: Sequence[Observable],
    clusters: Mapping[str, str],
    more_executors: Sequence[ParslExecutor],
    options: MutableMapping[str, Any],
) -> None:
    """Have each task's launch and end written to a log; write there which executor is where.

    Args:
        log: takes the rows.
        executors: measure their tasks.
        clusters: executor label -> cluster.
        more_executors: the user's own; of their tasks the workspace's side is seen.
        options: of parsl.Config; its memoizer and retry handler are wrapped.

    """
    here = [each.label for each in more_executors if isinstance(each, ThreadPoolExecutor)]
    places = {**dict.fromkeys([*here, JOINS], WORKSPACE), **clusters}
    log.append({"time": round(time.time(), 4), "executors": places})
    observer = TaskObserver(log, [each.label for each in executors])
    for executor in executors:
        executor.observer = observer
    options["memoizer"] = observer.memoizer(options.get("memoizer"))
    options["retry_handler"] = observer.retry_handler(options.get("retry_handler"))
