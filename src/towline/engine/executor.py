"""Parsl's HighThroughputExecutor, told when it starts and when it is shut down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from parsl.executors import HighThroughputExecutor


class RemoteExecutor(HighThroughputExecutor):
    """An unchanged HighThroughputExecutor that says where its interchange listens.

    Args:
        on_start: called with the worker port and the folder of certificates, once both exist.
        on_shutdown: called when Parsl has shut the executor down.

    """

    def __init__(
        self,
        *,
        on_start: Callable[[int, Path], None],
        on_shutdown: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._on_start = on_start
        self._on_shutdown = on_shutdown

    def start(self) -> None:
        """Start the interchange, then say where it listens."""
        super().start()
        self._on_start(self.worker_port, Path(self.cert_dir))

    def shutdown(self, timeout: float = 10.0) -> None:
        """Shut down, then say so, whatever happened."""
        try:
            super().shutdown(timeout)
        finally:
            self._on_shutdown()
