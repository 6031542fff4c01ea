"""Parsl's interchange, which leaves when the script that started it is gone.

Parsl's own stays for ever after a ``kill -9`` of the script (Parsl issue 3663). Nothing else in it
is changed; its queue is shown to our choice of managers.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time

from parsl.executors.high_throughput.interchange import Interchange

from towline.engine.prefetch import ShortTasksAhead

_LOOK_SECONDS = 1.0


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _main() -> None:
    # Ctrl-C in a terminal is for the script, which needs the interchange to clean up
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    config = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the script that started us
    interchange = Interchange(**config)
    selector = config.get("manager_selector")
    if isinstance(selector, ShortTasksAhead):
        # a Parsl that keeps its queue elsewhere is served as well, with nothing sent ahead
        selector.watch(getattr(interchange, "pending_task_queue", ()))
    interchange.start()


if __name__ == "__main__":
    _main()
