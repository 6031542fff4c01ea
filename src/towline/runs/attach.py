"""How a script, or a notebook, finds the run it belongs to."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from towline.errors import RunNotFound, TowlineError
from towline.runs.ending import Ending, Leftover, final_facts
from towline.runs.folder import VARIABLE, RunFolder
from towline.runs.locks import take_for_life
from towline.runs.state import RunState
from towline.runs.view import fold


class AttachedRun:
    """The run of this process, with the three things that the engine asks for.

    ``supervised`` says whether a supervisor started this script and will end the run; otherwise
    the process keeps the run itself and ``end`` must be called.
    """

    def __init__(self, folder: RunFolder, *, supervised: bool) -> None:
        self.folder = folder
        self.supervised = supervised
        self.tag = folder.tag
        self.ledger = folder.ledger
        self._began = time.monotonic()
        self._lock: int | None = None

    def report(self, event: str, /, **facts: Any) -> None:
        """Append an event; a full disk loses the event, not the user's work."""
        try:
            self.folder.events.append(event, **facts)
        except OSError as error:
            with contextlib.suppress(OSError, ValueError):  # stderr may lie on the same disk
                print(f"towline: event {event} not recorded: {error.strerror}", file=sys.stderr)

    def end(self, error: BaseException | None = None, leftovers: Sequence[Leftover] = ()) -> None:
        """Write the last event of a run that this process keeps; nothing under a supervisor.

        Args:
            error: what ended it; None for success.
            leftovers: what could not be removed.

        """
        if self.supervised:
            return
        state = RunState.SUCCEEDED if error is None else RunState.FAILED
        if isinstance(error, KeyboardInterrupt):
            state = RunState.CANCELLED
        if isinstance(error, TowlineError):
            self.report("error", **error.as_dict())
        reason = "" if error is None else f"{type(error).__name__}: {error}".splitlines()[0]
        ending = Ending(state, exit_code_of(error, bool(leftovers)), reason)
        view = fold(self.folder.events.read())
        seconds = time.monotonic() - self._began
        self.report("ended", **final_facts(view, ending, seconds, leftovers))
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _keep(self) -> None:
        self._lock = take_for_life(self.folder.keeper_lock)
        self.folder.keep()
        self.report("starting", pid=os.getpid())
        self.report("running", pid=os.getpid())


def attach() -> AttachedRun:
    """Return the run that this process belongs to.

    Under ``towline run`` that is the supervisor's, found through ``TOWLINE_RUN``; a TowlineError
    that the script does not catch is then recorded, and printed as words without a traceback. In a
    script or notebook started by hand it is a new run, which ``towline run list`` shows like any
    other.

    Raises:
        RunError: when a run folder cannot be made.

    """
    if path := os.environ.get(VARIABLE):
        try:
            run = AttachedRun(RunFolder.open(Path(path)), supervised=True)
        except RunNotFound:
            pass  # left over in the environment of a shell: that run was deleted
        else:
            _print_errors_as_words(run)
            return run
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = Path(main) if main else Path.cwd() / "notebook"
    run = AttachedRun(RunFolder.create(script, sys.argv[1:] if main else ()), supervised=False)
    run._keep()
    return run


def exit_code_of(error: BaseException | None, leftovers: bool) -> int:
    """Return the exit code of ``towline run`` for what ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, TowlineError):
        return error.exit_code
    if error is not None:
        return 1
    return 6 if leftovers else 0


def _print_errors_as_words(run: AttachedRun) -> None:
    if getattr(sys.excepthook, "_towline", False):
        return
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        at = _place(run, trace)
        if isinstance(error, KeyboardInterrupt):
            print(f"interrupted at {at}", file=sys.stderr)  # whoever cancels needs no traceback
            return
        if not isinstance(error, TowlineError):
            before(kind, error, trace)
            return
        print(f"error: {error}\n  at: {at}", file=sys.stderr)
        run.report("error", **error.as_dict(), at=at)

    hook._towline = True  # type: ignore[attr-defined]
    sys.excepthook = hook


def _place(run: AttachedRun, trace: TracebackType | None) -> str:
    """Return the line of the user's script from which the error came, as ``script.py:12``."""
    script = run.folder.asked.script
    lines = [f.lineno for f in traceback.extract_tb(trace) if f.filename == script]
    return f"{Path(script).name}:{lines[-1]}" if lines else Path(script).name
