"""Submit a task so that it measures itself; its user gets the bare result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from parsl.executors.high_throughput.executor import HTEXFuture

from towline.engine.tasks.measured import Measured, failure, unpack
from towline.engine.tasks.observer import Launch, TaskObserver


def submit_measured(
    submit: Callable[..., HTEXFuture],
    observer: TaskObserver,
    label: str,
    function: Callable[..., Any],
    resource_specification: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> HTEXFuture:
    """Submit a task with the executor's own ``submit``; note its launch and its end.

    Args:
        submit: of the executor.
        observer: takes note.
        label: the executor's.
        function: the app's; it is sent with the text that measures it.

    """
    launch = observer.launched(label, function)
    try:
        measured = submit(Measured(function), resource_specification, *args, **kwargs)
    except Exception as error:
        observer.ended(launch, failure(error))
        raise
    bare = HTEXFuture(measured.parsl_executor_task_id)
    measured.add_done_callback(partial(_answered, observer, launch, bare))
    return bare


def _answered(
    observer: TaskObserver, launch: Launch, bare: Future[Any], measured: Future[Any]
) -> None:
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
    observer.ended(launch, facts)
    if error is None:
        bare.set_result(result)
    else:
        bare.set_exception(error)
