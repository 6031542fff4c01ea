"""An environment on a cluster, ready for workers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from towline.environments.worker_python import WorkerPython


@dataclass(frozen=True)
class Environment:
    """A Python environment on one cluster."""

    kind: str
    key: str
    """Name by content: the same key is the same environment."""
    prefix: str
    """Absolute folder on the cluster; empty where only the environment itself knows it."""
    python: str
    """Absolute path of the interpreter on the cluster."""
    activation: str
    """Shell lines that a worker's job runs first."""
    checked: WorkerPython | None = None
    """What its Python said of itself when it was tried there; None: not tried yet."""
    ours: bool = True
    """Made by Towline, so that markers may be kept in it."""

    @property
    def activation_digest(self) -> str:
        """Return a short name of the activation lines, under which a check is remembered."""
        return hashlib.sha256(self.activation.encode()).hexdigest()[:16]
