"""Be Parsl's interchange.

Runs on the workspace, and as a file beside ``prefetch.py`` on a controller that has Parsl and no
Towline: it imports nothing else.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path
from typing import Any

from parsl.executors.high_throughput.interchange import Interchange

NAP_SECONDS = 0.005
"""What a message waits at most, for others to come, while there is plenty to do."""

PLENTY = 32
"""Tasks before a new one on every manager, from which on a nap holds up nobody."""


class NappingInterchange(Interchange):
    """Parsl's interchange, which wakes for each message; this one wakes for several at a time.

    While each manager has plenty to do, it lets messages gather for a moment when it has caught
    up with them: beside several others on the same machine, waking is much of what it costs.
    """

    _caught_up = 0.0

    def process_command(self, *arguments: Any) -> None:
        """Nap when it had to wait for a message, then go on: Parsl calls this on waking."""
        if time.monotonic() - self._caught_up > NAP_SECONDS / 10 and self._has_plenty():
            time.sleep(NAP_SECONDS)
        super().process_command(*arguments)

    def process_tasks_to_send(self, *arguments: Any) -> None:
        """Send tasks, and note when that was done: Parsl waits for messages next."""
        super().process_tasks_to_send(*arguments)
        self._caught_up = time.monotonic()

    def _has_plenty(self) -> bool:
        managers = getattr(self, "_ready_managers", {}).values()  # private to Parsl: may go
        return bool(managers) and all(
            len(manager["tasks"]) >= manager["worker_count"] + PLENTY for manager in managers
        )


def serve(config: dict[str, Any]) -> None:
    """Run Parsl's interchange until it ends; show its queue to our choice of managers."""
    interchange = NappingInterchange(**config)
    watch = getattr(config.get("manager_selector"), "watch", None)
    if watch is not None:
        # a Parsl that keeps its queue elsewhere is served as well, with nothing sent ahead
        watch(getattr(interchange, "pending_task_queue", ()))
    interchange.start()


def _main() -> None:
    from prefetch import ShortTasksAhead  # type: ignore[import-not-found]

    config = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 - from the workspace
    serve({**config, "manager_selector": config["manager_selector"] or ShortTasksAhead()})


if __name__ == "__main__":
    _main()
