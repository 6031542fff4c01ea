"""What the benchmarks share: a testbed with both clusters defined, and how figures are printed."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from towline.clusters.on_testbed import defined
from towline.testbed import Testbed


@contextmanager
def clusters() -> Iterator[Testbed]:
    """Boot the testbed and define `onprem` and `cloud` in a TOWLINE_HOME of its own."""
    with tempfile.TemporaryDirectory(prefix="towline-bench-") as folder:
        os.environ |= {"TOWLINE_HOME": folder, "TOWLINE_RUNTIME_DIR": folder}
        with Testbed(Path(folder) / "testbed") as testbed, defined(testbed):
            yield testbed


def spread(values: Sequence[float]) -> str:
    """Return median and range of some measurements, as text."""
    return f"{statistics.median(values):.4g} ({min(values):.4g}-{max(values):.4g})"


def ratio(name: str, ours: Sequence[float], peer: Sequence[float], goal: str) -> None:
    """Print the ratio of two medians beside its goal, and one JSON line for programs."""
    value = statistics.median(ours) / statistics.median(peer)
    print(f"{name}: ratio {value:.3f} (goal {goal})")
    print(json.dumps({"name": name, "ratio": round(value, 4), "goal": goal}))
