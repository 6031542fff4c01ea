"""Parsl's interchange, unmodified, which leaves when the script that started it is gone.

Parsl's own stays for ever after a ``kill -9`` of the script (Parsl issue 3663).
"""

from __future__ import annotations

import os
import runpy
import signal
import threading
import time

_LOOK_SECONDS = 1.0


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    # Ctrl-C in a terminal is for the script, which needs the interchange to clean up
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
