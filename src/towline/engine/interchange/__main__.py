"""The process that Parsl starts as its interchange.

It is Parsl's interchange, which leaves when the script that started it is gone: Parsl's own stays
for ever after a ``kill -9`` of the script (Parsl issue 3663). Or, when the script says so, it only
holds the place of one that runs on a controller.

    python -m towline.engine.interchange [SOCKET]
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time

from towline.engine.interchange.handover import Place, offer

_LOOK_SECONDS = 1.0


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _main() -> None:
    # Ctrl-C in a terminal is for the script, which needs the interchange to clean up
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    config = sys.stdin.buffer.read()
    if len(sys.argv) > 1:
        place, conversation = offer(sys.argv[1], config)
        if place is Place.CONTROLLER:
            conversation.recv(1)  # nothing comes: its end is the end of the interchange there
            sys.exit(1)
    from towline.engine.interchange.serve import serve

    serve(pickle.loads(config))  # noqa: S301 - from the script that started us


if __name__ == "__main__":
    _main()
