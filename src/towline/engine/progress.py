"""How far the tasks are, for the run's record; reads only what Parsl shows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from parsl.dataflow.dflow import DataFlowKernel
from parsl.dataflow.states import States
from parsl.executors import HighThroughputExecutor

from towline.engine.ledger import Report

LOOK_SECONDS = 1.0


class Progress:
    """Reports counts of tasks and workers, each time that they have changed."""

    def __init__(
        self, dfk: DataFlowKernel, executors: Sequence[HighThroughputExecutor], report: Report
    ) -> None:
        self._dfk = dfk
        self._executors = executors
        self._report = report
        self._last: dict[str, Any] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Report the last counts and stop."""
        self._stop.set()
        self._thread.join(5)
        self._look(workers=False)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look(workers=True)

    def _look(self, *, workers: bool) -> None:
        counts = self._dfk.task_state_counts
        facts: dict[str, Any] = {
            "done": counts[States.exec_done] + counts[States.memo_done],
            "failed": counts[States.failed] + counts[States.dep_fail],
            "total": self._dfk.task_count,
            "executors": {
                executor.label: {
                    "outstanding": executor.outstanding(),
                    "workers": self._workers(executor) if workers else 0,
                }
                for executor in self._executors
            },
        }
        if facts != self._last:
            self._last = facts
            self._report("progress", **facts)

    def _workers(self, executor: HighThroughputExecutor) -> int:
        if executor.bad_state_is_set:
            return 0
        try:
            return sum(manager["worker_count"] for manager in executor.connected_managers())
        except Exception:  # the interchange may be gone; the next look, or Parsl, says so
            return 0
