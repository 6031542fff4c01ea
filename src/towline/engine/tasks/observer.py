"""Watch tasks at the two places where Parsl lets others in: the memoizer and the retry handler.

Parsl asks its memoizer right before it gives a task to an executor, in the same thread, and tells
it how each task ended, whatever its executor. The one here passes everything on to the user's.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

from parsl.dataflow.errors import DependencyError
from parsl.dataflow.memoization import BasicMemoizer, Memoizer

from towline.engine.tasks.measured import failure

RetryHandler = Callable[[Exception, Any], float]


class TaskLog(Protocol):
    """Where the rows go; implemented by the ``runs`` room."""

    def append(self, row: dict[str, Any], /) -> None:
        """Take a row, at once and without raising: it is called for every task."""

    def close(self) -> None:
        """Write what is still kept; safe to call again."""


class Launch(NamedTuple):
    """One try of a task: Parsl's number of the task (a text outside of Parsl), and of the try."""

    task: int | str
    number: int


class TaskObserver:
    """Writes a row when a try of a task is launched, and one when it has ended.

    Args:
        log: takes the rows.
        measured: labels of the executors that tell of their tasks themselves, by
            :func:`submit_measured`.

    """

    def __init__(self, log: TaskLog, measured: Collection[str]) -> None:
        self._append = log.append
        self._measured = frozenset(measured)
        self._launching = threading.local()
        self._strangers = itertools.count(1)

    def memoizer(self, users: Memoizer | None) -> Memoizer:
        """Return a memoizer that is the user's, or Parsl's default, and sees the tasks go by."""
        return _SeeingMemoizer(self, users if users is not None else BasicMemoizer())

    def retry_handler(self, users: RetryHandler | None) -> RetryHandler:
        """Return a retry handler that is the user's, or Parsl's default, and sees failures."""

        def handler(error: Exception, record: Any) -> float:
            self._failed(record, error)
            return 1.0 if users is None else users(error, record)

        return handler

    # -- measured executors ------------------------------------------------------------------

    def launched(self, label: str, function: Callable[..., Any]) -> Launch:
        """Note that an executor is given a task; which one, Parsl has just told the memoizer."""
        record = getattr(self._launching, "record", None)
        self._launching.record = None
        if record is None or record["executor"] != label:
            name = getattr(function, "__name__", type(function).__name__)
            launch = Launch(f"{label}-{next(self._strangers)}", 0)
            self._append(_launch_row(launch, name, label, time.time()))
            return launch
        return self._launch(record, label)

    def ended(self, launch: Launch, facts: dict[str, Any]) -> None:
        """Note how a try ended."""
        own = {"time": round(time.time(), 4), "task": launch.task, "try": launch.number}
        self._append({**own, **facts})

    # -- what Parsl tells --------------------------------------------------------------------

    def checked(self, record: Any, remembered: bool) -> None:
        """Note that Parsl is about to launch a task, or has its result from the app cache."""
        if remembered:
            self.ended(self._launch(record, record["executor"]), {"state": "remembered"})
        elif record["executor"] in self._measured:
            self._launching.record = record
        else:
            self._launch(record, record["executor"])

    def completed(self, record: Any, error: BaseException | None) -> None:
        """Note the end of a task on an executor that does not tell itself."""
        if record["executor"] in self._measured or record["from_memo"]:
            return
        if error is None:
            self.ended(_of(record), {"state": "done"})
        elif record["join"] and not isinstance(error, DependencyError):
            self.ended(_of(record), failure(error))  # no retry handler is asked about these

    def _failed(self, record: Any, error: BaseException) -> None:
        if isinstance(error, DependencyError):
            launch = self._launch(record, record["executor"])
            self.ended(launch, {**failure(error), "state": "skipped"})
        elif record["executor"] not in self._measured:
            self.ended(_of(record), failure(error))

    def _launch(self, record: Any, label: str) -> Launch:
        launch = _of(record)
        called = record["time_invoked"].timestamp()
        self._append(_launch_row(launch, record["func_name"], label, called))
        return launch


def _of(record: Any) -> Launch:
    return Launch(record["id"], record["try_id"])


def _launch_row(launch: Launch, app: str, label: str, called: float) -> dict[str, Any]:
    return {
        "time": round(time.time(), 4),
        "task": launch.task,
        "try": launch.number,
        "state": "launched",
        "app": app,
        "executor": label,
        "called": round(called, 4),
    }


class _SeeingMemoizer(Memoizer):
    """The user's memoizer, with an observer beside it."""

    def __init__(self, observer: TaskObserver, users: Memoizer) -> None:
        self._observer = observer
        self._users = users

    def __getattr__(self, name: str) -> Any:
        """Return what else the user's memoizer has, such as ``checkpoint_queue``."""
        if name == "_users":  # not made yet: a copy that is being unpickled
            raise AttributeError(name)
        return getattr(self._users, name)

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        """Start the user's."""
        self._users.start(run_dir=run_dir, config_run_dir=config_run_dir)

    def check_memo(self, task: Any) -> Future[Any] | None:
        """Ask the user's; what it does not know is launched next."""
        found: Future[Any] | None = self._users.check_memo(task)
        self._observer.checked(task, found is not None)
        return found

    def update_memo_result(self, task: Any, r: Any) -> None:
        """Tell the user's."""
        self._observer.completed(task, None)
        self._users.update_memo_result(task, r)

    def update_memo_exception(self, task: Any, e: BaseException) -> None:
        """Tell the user's."""
        self._observer.completed(task, e)
        self._users.update_memo_exception(task, e)

    def close(self) -> None:
        """Close the user's."""
        self._users.close()
