"""Supervise one run with little patience and a sweep that the test chooses.

``driver.py FOLDER SWEEP [--reap]``; SWEEP is ``clean``, ``remains``, ``raises``, ``second``
(clean at the second try) or ``hangs``.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from towline.runs import FileLedger, Leftover, RunFolder
from towline.runs.locks import take_for_life
from towline.runs.supervisor import Patience, Supervisor

PATIENCE = Patience(
    script=((signal.SIGINT, 1.0), (signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0)),
    by_itself=0.1,
    grace=0.5,
    sweeps=(0.0, 0.01),
)


class FakeSweep:
    """Cross out the ledger as told, without any cluster."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tries = 0

    def __call__(
        self, ledger: FileLedger, tag: str, blocks: Path, report: Callable[..., None]
    ) -> Sequence[Leftover]:
        """Sweep as told."""
        self.tries += 1
        if self.kind == "hangs":
            report("cleanup", cluster="onprem", step="hanging")
            time.sleep(600)
        if self.kind == "raises":
            raise OSError("no route to host")
        if self.kind == "remains" or (self.kind == "second" and self.tries == 1):
            entries = ledger.open_entries()
            return [Leftover(e.cluster, e.kind, str(e.facts.get("job_id"))) for e in entries]
        for entry in ledger.open_entries():
            ledger.removed(entry.id)
        return []


if __name__ == "__main__":
    folder = RunFolder.open(sys.argv[1])
    lock = take_for_life(folder.keeper_lock)
    supervisor = Supervisor(folder, FakeSweep(sys.argv[2]), PATIENCE)
    supervisor.reap() if "--reap" in sys.argv else supervisor.run()
