"""Operations on runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from towline.client.core.caller import Caller
from towline.client.core.calls import Call, Pause, Steps, path_of
from towline.client.core.clusters import LOOK_SECONDS
from towline.client.models import FileInfo, RunEvent, RunInfo, RunTask
from towline.errors import NotInTime, RunFailed

Number = int | str

LOG_PART = 1 << 20
"""Bytes of a log in one answer."""


def launch(
    caller: Caller,
    workflow: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    clusters: Mapping[str, str] | None = None,
    version: int | None = None,
    preset: str | None = None,
    title: str | None = None,
    key: str | None = None,
) -> Steps[RunInfo]:
    """Launch a workflow, once.

    Args:
        caller: whose.
        workflow: its name.
        inputs: what its form asks for.
        clusters: executor label -> cluster.
        version: of the workflow; None: the newest.
        preset: inputs that were kept under a name; ``inputs`` go over them.
        title: a line to know the run by.
        key: the same key with the same request answers the run of the first time; None: a new one.

    """
    from uuid import uuid4

    asked = {
        "workflow": workflow,
        "inputs": dict(inputs or {}),
        "clusters": dict(clusters or {}) or None,
        "version": version,
        "preset": preset,
        "title": title,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    headers = {"Idempotency-Key": key or str(uuid4())}
    return (yield from caller.record(RunInfo, Call("POST", "/runs", body=body, headers=headers)))


def list_runs(caller: Caller, limit: int = 0, **filters: Any) -> Steps[list[RunInfo]]:
    """Return runs, the newest first."""
    return (yield from caller.all(RunInfo, "/runs", filters, limit))


def page(caller: Caller, cursor: str | None) -> Steps[tuple[list[RunInfo], str | None]]:
    """Return a page of the runs, the newest first, and the cursor of the next page."""
    call = Call("GET", "/runs", {"limit": 200, "cursor": cursor})
    return (yield from caller.page(RunInfo, call))


def get(caller: Caller, number: Number) -> Steps[RunInfo]:
    """Return a run as it is now."""
    return (yield from caller.record(RunInfo, Call("GET", path_of("runs", number))))


def details(caller: Caller, number: Number) -> Steps[RunInfo]:
    """Return a run with all that the server says of it."""
    return (yield from caller.record(RunInfo, Call("GET", path_of("runs", number, "details"))))


def events(caller: Caller, number: Number) -> Steps[list[RunEvent]]:
    """Return the events of a run so far."""
    return (yield from caller.all(RunEvent, path_of("runs", number, "events")))


def tasks(caller: Caller, number: Number, limit: int, **filters: Any) -> Steps[list[RunTask]]:
    """Return the tries of a run's tasks."""
    return (yield from caller.all(RunTask, path_of("runs", number, "tasks"), filters, limit))


def cancel(caller: Caller, number: Number) -> Steps[RunInfo]:
    """Ask a run to end; asking twice is asking once."""
    call = Call("POST", path_of("runs", number, "cancel"))
    return (yield from caller.record(RunInfo, call))


def again(
    caller: Caller, number: Number, inputs: Mapping[str, Any] | None = None, key: str | None = None
) -> Steps[RunInfo]:
    """Launch a run again, with other inputs where some are given."""
    from uuid import uuid4

    call = Call(
        "POST",
        path_of("runs", number, "again"),
        body={"inputs": dict(inputs or {})},
        headers={"Idempotency-Key": key or str(uuid4())},
    )
    return (yield from caller.record(RunInfo, call))


def delete(caller: Caller, number: Number, *, forget_leftovers: bool = False) -> Steps[None]:
    """Delete the folder of a run that has ended."""
    query = {"forget_leftovers": True} if forget_leftovers else {}
    yield from caller.send(Call("DELETE", path_of("runs", number), query))


def wait(
    caller: Caller, number: Number, timeout: float | None = None, *, check: bool = False
) -> Steps[RunInfo]:
    """Return a run once it has ended.

    Args:
        caller: whose.
        number: the run.
        timeout: seconds at most; None: as long as it takes.
        check: raise when it did not succeed.

    Raises:
        NotInTime: it took longer; it goes on.
        RunFailed: it did not succeed, and ``check`` is set.

    """
    began = time.monotonic()
    pause, longest = LOOK_SECONDS
    while True:
        run = yield from get(caller, number)
        if run.over:
            return succeeded(run) if check else run
        waited = time.monotonic() - began
        if timeout is not None and waited + pause > timeout:
            raise NotInTime(
                f"run {run.number}",
                f"is {run.state} after {waited:.0f} s of waiting",
                f"it goes on by itself; to end it: towline run cancel {run.number}",
            )
        yield Pause(pause)
        pause = min(pause * 1.5, longest)


def succeeded(run: RunInfo) -> RunInfo:
    """Return a run that has succeeded.

    Raises:
        RunFailed: it has not; with the run's exit code.

    """
    if run.ok:
        return run
    state = f"{run.state} with leftovers" if run.state == "succeeded" else run.state
    why = f": {run.reason}" if run.reason else ""
    look = f"towline run show {run.number};  towline run logs {run.number} --stderr"
    raise RunFailed(f"run {run.number}", f"{state}{why}", look, exit_code_of(run))


def exit_code_of(run: RunInfo) -> int:
    """Return the exit code of ``towline run`` for a run that has ended."""
    if run.exit_code:
        return run.exit_code
    return {"succeeded": 0, "cancelled": 130, "lost": 6}.get(run.state, 1)


def outputs(caller: Caller, number: Number) -> Steps[list[FileInfo]]:
    """Return the files that a run's workflow calls its outputs."""
    return (yield from caller.all(FileInfo, path_of("runs", number, "artifacts")))


def files(caller: Caller, number: Number, folder: str) -> Steps[list[FileInfo]]:
    """Return all files of a run's folder, or of one below it."""
    query = {"path": folder or None, "deep": True}
    found = yield from caller.all(FileInfo, path_of("runs", number, "files"), query)
    return [each for each in found if each.kind == "file"]


def read(caller: Caller, number: Number, path: str) -> Steps[bytes]:
    """Return the content of a file of a run's folder."""
    return (yield from caller.send(file_call(number, path, "files"))).body


def file_call(number: Number, path: str, kind: str = "artifacts") -> Call:
    """Return the call that is answered with one file."""
    return Call("GET", path_of("runs", number, kind, *path.split("/")))


def log(caller: Caller, number: Number, output: str) -> Steps[str]:
    """Return what a run's script has written so far."""
    found: list[bytes] = []
    offset = 0
    while True:
        query = {"stream": output, "offset": offset, "limit": LOG_PART}
        answer = yield from caller.send(Call("GET", path_of("runs", number, "log"), query))
        found.append(answer.body)
        following = int(answer.headers.get("x-next-offset", offset))
        if following <= offset or len(answer.body) < LOG_PART // 2:
            return b"".join(found).decode(errors="replace")
        offset = following
