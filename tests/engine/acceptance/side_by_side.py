"""Acceptance runs at once, each in a process and a TOWLINE_HOME of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acceptance.run import CHECKS
from acceptance.schedulers import Case
from towline.testbed import Testbed

RECORDS = Path(__file__).parents[3] / "docs" / "data"
LIMIT = 300

Results = Mapping[str, Mapping[str, str]]


def run_all(testbed: Testbed, names: list[str], homes: pytest.TempPathFactory) -> Results:
    """Return each scheduler's results."""

    def one(name: str) -> dict[str, str]:
        home = homes.mktemp(name.replace(" ", "-"))
        with tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as sockets:
            done = subprocess.run(
                [sys.executable, "-m", "acceptance.run", str(testbed.folder), name],
                cwd=Path(__file__).parents[1],
                env={**os.environ, "TOWLINE_HOME": str(home), "TOWLINE_RUNTIME_DIR": sockets},
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        try:
            return dict(json.loads(done.stdout.splitlines()[-1]))
        except (IndexError, ValueError):
            return dict.fromkeys(CHECKS, done.stderr[-3000:])

    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def what_ran(
    cases: Mapping[str, Case], results: Results, versions: Mapping[str, str]
) -> dict[str, dict[str, object]]:
    """Return a row of the docs' table for each scheduler."""
    return {
        name: {
            "title": case.title,
            "version": versions[name],
            "checks": [check for check in CHECKS if results[name][check] == "ok"],
        }
        for name, case in cases.items()
    }


def recorded(file: str, ran: object) -> object:
    """Return what the docs' table is made from; with TOWLINE_RECORD=1 it is written anew."""
    record = RECORDS / file
    if os.environ.get("TOWLINE_RECORD"):
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps(ran, indent=1) + "\n")
    return json.loads(record.read_text())
