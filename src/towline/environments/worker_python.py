"""What a Python says of itself: the answer of `preflight_probe.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class WorkerPython:
    """A Python as it saw itself from inside."""

    version: str = ""
    implementation: str = ""
    executable: str = ""
    prefix: str = ""
    arch: str = ""
    parsl: str | None = None
    parsl_from: str | None = None
    worker_error: str | None = None
    """Why Parsl's worker pool cannot be imported; None: it can."""
    packages: dict[str, str] = field(default_factory=dict)
    """Name, normalised: version."""
    unloadable: dict[str, str] = field(default_factory=dict)
    """Compiled module: why the loader refuses it."""

    @property
    def minor(self) -> str:
        """Return the version that byte-code depends on, as in ``"3.11"``."""
        return ".".join(self.version.split(".")[:2])


def read_worker_python(text: str) -> WorkerPython:
    """Read the probe's one line of JSON.

    Raises:
        ValueError: it is something else.

    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    known = {item.name for item in fields(WorkerPython)}
    return WorkerPython(**{name: value for name, value in values.items() if name in known})
