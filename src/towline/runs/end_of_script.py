"""Clean up when the script ends, however it ends.

Not by ``atexit``: that comes when the interpreter starts no thread any more, and cleaning up needs
some.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

CleanUp = Callable[[BaseException | None], None]

_lock = threading.Lock()
_wanted: list[CleanUp] = []
_waiting: threading.Thread | None = None


def at_end_of_script(clean_up: CleanUp) -> None:
    """Call a function once the main thread has ended, with the error that ended it, if one did."""
    global _waiting
    with _lock:
        _wanted.append(clean_up)
        if _waiting is None or not _waiting.is_alive():  # dead: in a forked child
            # no daemon: the interpreter waits for it
            _waiting = threading.Thread(target=_wait, name="towline end of script", daemon=False)
            _waiting.start()


def forget(clean_up: CleanUp) -> None:
    """Take a function back that has nothing left to do."""
    with _lock:
        if clean_up in _wanted:
            _wanted.remove(clean_up)


def _wait() -> None:
    threading.main_thread().join()
    error = getattr(sys, "last_value", None)
    while True:
        with _lock:
            if not _wanted:
                return
            clean_up = _wanted.pop()
        clean_up(error)
