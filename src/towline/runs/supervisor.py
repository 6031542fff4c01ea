"""The supervisor of one run: ``python -m towline.runs.supervisor [--reap] FOLDER``.

Detached from the terminal, it starts the script, waits for it, ends what it left, cleans the
clusters and writes the last event. With ``--reap`` it does the last three for a supervisor that
vanished. It imports little: a thousand of them may run at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from towline.errors import EnvironmentFault
from towline.runs import secrets
from towline.runs.descendants import end_processes
from towline.runs.ending import (
    SWEEP_PAUSES,
    Ending,
    Leftover,
    Sweep,
    disk_is_full,
    engine_sweep,
    final_facts,
    judge,
    last_exception,
    sweep_clusters,
    tail_of,
)
from towline.runs.folder import RunFolder
from towline.runs.inbox import SignalInbox
from towline.runs.liveness import final_event, keeper_of, keeper_vanished
from towline.runs.locks import take_for_life
from towline.runs.process import start_mark
from towline.runs.record import Recorder
from towline.runs.script import (
    Outcome,
    adopt_orphans,
    answer_path,
    start_maker,
    start_script,
)
from towline.runs.state import RunState, advance
from towline.runs.view import fold


@dataclass(frozen=True)
class Patience:
    """How long a supervisor waits for what; seconds.

    ``script``: what a cancelled script is sent, and the time before the next; SIGINT lets it
    clean up. ``by_itself`` and ``grace``: see ``end_processes``. ``sweeps``: see
    ``sweep_clusters``.
    """

    script: tuple[tuple[signal.Signals, float], ...] = (
        (signal.SIGINT, 10.0),
        (signal.SIGTERM, 5.0),
        (signal.SIGKILL, 5.0),
    )
    by_itself: float = 1.0
    grace: float = 5.0
    sweeps: tuple[float, ...] = SWEEP_PAUSES


class _NoEnvironment(Exception):
    """The environment for the script cannot be made."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


_CANCELLED = "\0"  # no path

_LOCK_SECONDS = 5.0  # somebody may hold the lock for a moment to see whether it is free


class Supervisor:
    """Look after one run from its first event to its last."""

    def __init__(
        self, folder: RunFolder, sweep: Sweep = engine_sweep, patience: Patience | None = None
    ) -> None:
        self.folder = folder
        self.report = Recorder(folder)
        self.state = RunState.CREATED
        self._sweep = sweep
        self._patience = patience or Patience()
        self._began = time.monotonic()
        self._inbox = SignalInbox(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

    def run(self) -> None:
        """Run the script to its end, whatever that is, and clean up."""
        self._enter(RunState.STARTING, pid=os.getpid())
        adopt_orphans()
        try:
            python = self._environment()
            if python is _CANCELLED:
                self._end(Ending(RunState.CANCELLED, 130, ""), self._clean(None))
                return
            script = start_script(self.folder, python)
        except _NoEnvironment as failure:
            self._end(failure.ending, self._clean(None))
            return
        except OSError as error:
            at = error.filename or self.folder.asked.python
            reason = f"the script cannot be started: {at}: {error.strerror}"
            self._end(Ending(RunState.FAILED, 2, reason), [])
            return
        secrets.forget()
        self._enter(RunState.RUNNING, pid=script, started=start_mark(script))
        outcome = self._wait_for(script)
        self.report("script_ended", exit_code=outcome.exit_code, signal=outcome.signal)
        leftovers = self._clean(script)
        ending = judge(
            outcome,
            cancelled=self.state is RunState.CANCELLING,
            error=fold(self.folder.events.read()).error,
            exception=last_exception(tail_of(self.folder.stderr_log)),
            disk_full=disk_is_full(self.folder),
            leftovers=leftovers,
        )
        self._end(ending, leftovers)

    def reap(self) -> None:
        """End what a vanished supervisor has left, on the workspace and on the clusters."""
        # What the vanished one measured is lost; the clock on the wall has to do.
        self._began -= max(0.0, time.time() - self.folder.asked.created)
        gone = keeper_of(self.folder)
        restarted = not gone.same_kernel()
        self.folder.keep()
        self.report("reaping", pid=os.getpid(), gone=gone.pid)
        script, outcome = None, None
        for event in self.folder.events.read():
            if event.name == "running":
                script = event.facts
            elif event.name == "script_ended":
                outcome = Outcome(event.facts.get("exit_code"), event.facts.get("signal"))
        session = None
        if script and script.get("started") == start_mark(int(script["pid"])):
            session = int(script["pid"])
        leftovers = self._clean(session)
        why = "the machine was restarted" if restarted else f"pid {gone.pid} was killed"
        before = f" after {outcome}" if outcome else ""
        reason = f"the run's supervisor vanished{before}: {why}"
        self._end(Ending(RunState.LOST, 6, reason), leftovers)

    def _enter(self, state: RunState, **facts: object) -> None:
        self.state = advance(self.state, state)
        if state is RunState.STARTING:
            self.folder.keep()
        self.report(state.value, **facts)

    def _environment(self) -> str | None:
        """Have the run's environment made; return its interpreter, None where it asks for none.

        `_CANCELLED` when somebody asked for the end before it was there.

        Raises:
            _NoEnvironment: it cannot be made.

        """
        if self.folder.asked.environment is None:
            return None
        maker = start_maker(self.folder)
        outcome = self._wait_for(maker)
        if self.state is RunState.CANCELLING:
            return _CANCELLED
        if not outcome.succeeded:
            error = fold(self.folder.events.read()).error or {}
            reason = f"{error.get('thing')}: {error.get('cause')}" if error else str(outcome)
            code = int(error.get("exit_code", EnvironmentFault.exit_code))
            raise _NoEnvironment(Ending(RunState.FAILED, code, reason))
        return answer_path(self.folder).read_text(encoding="utf-8")

    def _wait_for(self, script: int) -> Outcome:
        """Wait for the script; after a request to cancel, with growing force."""
        force = iter(self._patience.script)
        deadline = float("inf")
        while True:
            if (outcome := _collect(script)) is not None:
                return outcome
            wait = min(deadline - time.monotonic(), 3600.0)
            asked = self._inbox.wait(wait) & {signal.SIGTERM, signal.SIGINT}
            if asked and self.state is not RunState.CANCELLING:
                self._enter(RunState.CANCELLING)
                deadline = 0.0
            if time.monotonic() < deadline:
                continue
            number, grace = next(force, (None, 0.0))
            if number is None:
                return Outcome(signal=signal.SIGKILL)  # stuck in the kernel: told, not gone
            deadline = time.monotonic() + grace
            self.report("cleanup", step="script", text=f"sent {number.name}", grace=grace)
            with contextlib.suppress(ProcessLookupError):
                if number is signal.SIGINT:
                    # Not its group: Parsl's interchange would die first, and Parsl hang over it.
                    os.kill(script, number)
                else:
                    os.killpg(script, number)

    def _clean(self, session: int | None) -> list[Leftover]:
        patience = self._patience
        stuck = end_processes(
            self.folder, session, os.getpid(), by_itself=patience.by_itself, grace=patience.grace
        )
        here = [Leftover("this machine", "process", str(p.pid), p.arguments[0]) for p in stuck]
        return here + sweep_clusters(self.folder, self._sweep, self.report, patience.sweeps)

    def _end(self, ending: Ending, leftovers: list[Leftover]) -> None:
        self.report.free()
        self.state = advance(self.state, ending.state)
        view = fold(self.folder.events.read())
        seconds = time.monotonic() - self._began
        self.report("ended", **final_facts(view, ending, seconds, leftovers))


def _collect(script: int) -> Outcome | None:
    """Collect dead children, adopted ones too; return the script's outcome if it is there."""
    outcome = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == script:
                outcome = Outcome.of_wait_status(status)
    return outcome


def _take_over(folder: RunFolder, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    while (lock := take_for_life(folder.keeper_lock)) is None:
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return lock


def main(arguments: list[str]) -> None:
    """Supervise, or with ``--reap`` clean up after, the run in the given folder."""
    reaping = arguments[0] == "--reap"
    folder = RunFolder.open(Path(arguments[-1]))
    # Held until this process is gone, however it goes: who holds it looks after the run.
    lock = _take_over(folder, 0.0 if reaping else _LOCK_SECONDS)
    if lock is None or final_event(folder) is not None:
        return
    if not reaping:
        Supervisor(folder).run()
    elif keeper_vanished(folder):
        Supervisor(folder).reap()


if __name__ == "__main__":
    main(sys.argv[1:])
