"""Be Parsl's interchange.

Runs on the workspace, and as a file beside ``prefetch.py`` on a controller that has Parsl and no
Towline: it imports nothing else.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from parsl.executors.high_throughput.interchange import Interchange


def serve(config: dict[str, Any]) -> None:
    """Run Parsl's interchange until it ends; show its queue to our choice of managers."""
    interchange = Interchange(**config)
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
