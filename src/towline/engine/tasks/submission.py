"""Submit a task so that it measures itself; its user gets the bare result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from parsl.executors.high_throughput.executor import HTEXFuture

from towline.engine.tasks.measured import Measured, failure, unpack
from towline.engine.tasks.observer import TaskObserver


def submit_measured(
    submit: Callable[..., HTEXFuture],
    observer: TaskObserver | None,
    label: str,
    function: Callable[..., Any],
    resource_specification: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    compress: bool = False,
) -> HTEXFuture:
    """Submit a task with the executor's own ``submit``; note its launch and its end.

    Args:
        submit: of the executor.
        observer: takes note; None: nobody does.
        label: the executor's.
        function: the app's; it is sent with the text that measures it.
        compress: have the worker compress a large result, where that pays.

    """
    ended: Ended = _unseen
    if observer is not None:
        ended = partial(observer.ended, observer.launched(label, function))
    try:
        measured = submit(Measured(function, compress), resource_specification, *args, **kwargs)
    except Exception as error:
        ended(failure(error))
        raise
    bare = HTEXFuture(measured.parsl_executor_task_id)
    measured.add_done_callback(partial(_answered, ended, bare))
    return bare


Ended = Callable[[dict[str, Any]], None]
"""Takes how a try ended."""


def _unseen(_facts: dict[str, Any]) -> None:
    """Take no note."""


def _answered(ended: Ended, bare: Future[Any], measured: Future[Any]) -> None:
    """Note the end, then give result or error on; whatever came, the task ends."""
    result, error = None, measured.exception()
    facts: dict[str, Any] = {"state": "done"}
    if error is None:
        try:
            measures, result, error = unpack(measured.result())
            facts |= measures
        except Exception as unreadable:
            error = unreadable
    if error is not None:
        facts |= failure(error)
    ended(facts)
    if error is None:
        bare.set_result(result)
    else:
        bare.set_exception(error)
