"""A run that has not ended, watched for the price of one ``stat`` a look."""

from __future__ import annotations

import os
import subprocess

from towline.errors import RunError
from towline.runs import RunFolder, RunState
from towline.runs.liveness import final_event, keeper_of, keeper_vanished
from towline.runs.process import Liveness, ProcessIdentity
from towline.runs.spawn import start_reaper
from towline.runs.view import RunView, fold
from towline.runs.watch import REAPERS
from towline.server.index.entry import IndexedRun, from_view

CLEANING = "its supervisor has vanished; cleaning up after it now"


class LivingRun:
    """Fold a run's events as they come, and notice when nobody looks after it any more.

    Used by one thread at a time.

    Raises:
        RunError: ``run.json`` cannot be read (yet).

    """

    def __init__(self, folder: RunFolder, inode: int) -> None:
        self.folder = folder
        self.inode = inode
        self.over = False
        self.vanished = False
        self._asked = folder.asked
        self._view = RunView()
        self._offset = 0
        self._size = -1
        self._events = os.fspath(folder.events.path)
        self._keeper: ProcessIdentity | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        self._reapers = 0

    def look(self) -> bool:
        """Read what is new in its events; return whether there was anything."""
        try:
            size = os.stat(self._events).st_size  # noqa: PTH116 - a thousand of them, each second
        except FileNotFoundError:
            size = 0
        if size == self._size:
            return False
        self._size = size
        for event in self.folder.events.read(self._offset):
            self._offset = event.end
            if event.name in ("starting", "reaping"):
                self._keeper = None  # somebody else looks after it now
            self.over = self.over or event.name == "ended"
            fold([event], self._view)
        return True

    def entry(self) -> IndexedRun:
        """Return the run as it stands."""
        view = self._view
        view.created = view.created or self._asked.created
        if self.over or not (self.vanished or view.reaping):
            return from_view(self._asked, view, final=self.over, inode=self.inode)
        state, reason = view.state, view.reason
        view.state, view.reason = RunState.LOST, CLEANING
        if self._reapers >= REAPERS and not self.is_reaping:
            view.reason = f"it cannot be cleaned up: see {self.folder.supervisor_log}"
        try:
            return from_view(self._asked, view, final=False, inode=self.inode)
        finally:
            view.state, view.reason = state, reason  # the events alone decide how it goes on

    @property
    def is_reaping(self) -> bool:
        """Whether a reaper that we started is at work."""
        return self._reaper is not None and self._reaper.poll() is None

    def check_keeper(self) -> bool:
        """Look whether somebody looks after the run; return whether that has changed."""
        if self.over or self.is_reaping:
            return False
        if self._keeper is None:
            self._keeper = keeper_of(self.folder)
        gone = self._keeper.look() is not Liveness.ALIVE and self._surely_vanished()
        changed = gone is not self.vanished
        self.vanished = gone
        return changed

    def reap(self) -> bool:
        """Start what cleans up after the vanished supervisor; False when it was tried enough.

        Safe when somebody else does the same: a lock lets one of them work.
        """
        if self.is_reaping or self._reapers >= REAPERS:
            return False
        self._reapers += 1
        try:
            self._reaper = start_reaper(self.folder)
        except RunError:
            return False  # no process can be started now; the next look tries again
        return True

    def collect(self) -> bool:
        """Collect its dead supervisor and reaper, if they were our children.

        Returns whether none of them is left.
        """
        reaping = self.is_reaping
        keeper = self._keeper or keeper_of(self.folder)
        return collect_child(keeper.pid) and not reaping

    def _surely_vanished(self) -> bool:
        self._keeper = None
        try:
            return keeper_vanished(self.folder) and final_event(self.folder) is None
        except RunError:
            return False


def collect_child(pid: int) -> bool:
    """Collect a process that has ended, if it was our child; False while it is one, and lives."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
