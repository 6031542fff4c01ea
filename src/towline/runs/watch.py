"""Watch a run until its end: its events, its output, and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from towline.errors import RunError
from towline.runs.cancel import cancel
from towline.runs.events import Event
from towline.runs.folder import RunFolder
from towline.runs.inbox import SignalInbox
from towline.runs.liveness import final_event, keeper_vanished
from towline.runs.screen import Screen, pass_through
from towline.runs.spawn import is_up, start_reaper
from towline.runs.view import RunView, fold

LOOK_SECONDS = 0.05  # between two looks at the run's files
ALIVE_SECONDS = 1.0  # between two looks at the supervisor
CANCELLED = 130
REAPERS = 3  # one may give way to another that dies
_CHUNK = 1 << 20


class Tail:
    """What has been added to a file since the last look."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._offset = start

    def read(self) -> Iterator[bytes]:
        """Yield what is new, at most 1 MiB at a time."""
        try:
            if self._path.stat().st_size <= self._offset:
                return
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while data := file.read(_CHUNK):
                    self._offset += len(data)
                    yield data
        except FileNotFoundError:
            return


class Watcher:
    """Show one run; the run does not need it, and goes on when it leaves.

    Args:
        folder: the run's.
        screen: where to show it.
        start: starts the run's supervisor; None to watch a run that has one already. It is called
            when Ctrl-C is already looked after, so that no run starts unwatched.

    """

    def __init__(
        self,
        folder: RunFolder,
        screen: Screen,
        start: Callable[[], subprocess.Popen[bytes]] | None = None,
    ) -> None:
        self.folder = folder
        self.view = RunView()
        self._screen = screen
        self._offset = 0
        self._outputs = {
            "stdout": Tail(folder.stdout_log),
            "stderr": Tail(folder.stderr_log),
        }
        self._asked_to_cancel = False
        self._told = False
        self._looked = time.monotonic()
        self._start = start
        self._starting: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None

    def watch(self) -> int:
        """Show the run until it has ended; return the exit code of ``towline run``.

        The first Ctrl-C cancels the run; the second leaves it to end in the background.
        """
        inbox = SignalInbox(signal.SIGINT, signal.SIGTERM)
        try:
            if self._start is not None:
                self._starting = self._start()
            while True:
                ended = self._show()
                if ended is not None:
                    self._screen.finish(self.view, self.folder.path)
                    return int(ended.facts.get("exit_code", 1))
                if inbox.wait(LOOK_SECONDS) and self._interrupted():
                    return CANCELLED
                self._tell_supervisor()
                self._look_after()
        except BrokenPipeError:
            self._screen.say(f"run {self.folder.number} goes on: {self._where()}")
            raise
        finally:
            inbox.close()

    def _show(self) -> Event | None:
        """Show what is new; return the last event once everything before it has been shown."""
        ended = None
        for event in self.folder.events.read(self._offset):
            self._offset = event.end
            if event.name == "ended":
                ended = event
            else:
                self._show_event(event)
        # Read after the events: when `ended` is there, so is all that the script wrote before it.
        for stream, tail in self._outputs.items():
            for data in tail.read():
                self._screen.output(stream, data)
        if ended is not None:
            self._show_event(ended)
        else:
            self._screen.tick(self.view)
        return ended

    def _show_event(self, event: Event) -> None:
        fold([event], self.view)
        self._screen.event(event, self.view)

    def _interrupted(self) -> bool:
        """Take a Ctrl-C; return whether to leave."""
        if not self._asked_to_cancel:
            self._asked_to_cancel = True
            if self.view.script_over:
                self._screen.say(
                    f"the script has ended; still cleaning up: {self.view.cleaning}"
                    " (Ctrl-C again leaves that to the background)"
                )
            else:
                self._screen.say(
                    f"cancelling run {self.folder.number}; the script has 10 s to clean up"
                    " (Ctrl-C again leaves that to the background)"
                )
            return False
        self._screen.leave()
        doing = self.view.cleaning or "the script to end"
        self._screen.say(
            f"leaving; run {self.folder.number} still waits for: {doing}."
            f" Clean-up goes on in the background: {self._where()}"
        )
        return True

    def _tell_supervisor(self) -> None:
        """Pass the first Ctrl-C on, as soon as there is a supervisor."""
        if not self._asked_to_cancel or self._told or self.view.script_over:
            return
        if self.folder.keeper() is None:
            return
        self._told = True
        try:
            cancel(self.folder)
        except RunError as error:
            self._screen.say(str(error))

    def _look_after(self) -> None:
        """Have a run ended whose supervisor did not start, or has vanished."""
        if self._starting is not None:
            if not is_up(self.folder, self._starting):
                return
            self._starting = None
        if time.monotonic() - self._looked < ALIVE_SECONDS:
            return
        self._looked = time.monotonic()
        if self._reaper is not None and self._reaper.poll() is None:
            return
        if keeper_vanished(self.folder) and final_event(self.folder) is None:
            self._reaper = start_reaper(self.folder)

    def _where(self) -> str:
        return f"towline run show {self.folder.number}"


class Follower:
    """Print one of a run's files, and what is added to it until the run has ended."""

    def __init__(self, folder: RunFolder, path: Path) -> None:
        self._folder = folder
        self._tail = Tail(path)
        self._written = 0

    def print(self, *, follow: bool) -> int:
        """Write the file to stdout, unchanged; return how many bytes there were."""
        while True:
            over = not follow or final_event(self._folder) is not None
            for data in self._tail.read():
                self._written += len(data)
                pass_through("stdout", data)
            if over:
                return self._written
            if keeper_vanished(self._folder):
                have_reaped(self._folder)
            time.sleep(LOOK_SECONDS)


def wait_for_end(folder: RunFolder) -> Event:
    """Return a run's last event once it is there; clean up if its supervisor vanishes.

    Raises:
        RunError: when that clean-up fails.

    """
    while (last := final_event(folder)) is None:
        if keeper_vanished(folder):
            have_reaped(folder)
        time.sleep(LOOK_SECONDS)
    return last


def have_reaped(folder: RunFolder) -> None:
    """Have a vanished supervisor's run cleaned up, by us or by whoever is faster.

    Raises:
        RunError: when nobody gets it done.

    """
    for _ in range(REAPERS):
        start_reaper(folder).wait()
        if final_event(folder) is not None or not keeper_vanished(folder):
            return
        time.sleep(ALIVE_SECONDS)
    raise RunError(
        f"run {folder.number}", "it cannot be cleaned up", f"see {folder.supervisor_log}"
    )
