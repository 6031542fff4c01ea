"""The table of docs/schedulers.md: what each scheduler's support was tried against."""

from __future__ import annotations

import json
import re
from pathlib import Path

from reference.markdown import cell

ROOT = Path(__file__).parents[2]
RAN = ROOT / "docs" / "data" / "schedulers.json"
"""Written by tests/engine/test_acceptance.py, which also fails when it is out of date."""

FAKES = RAN.with_name("fake_schedulers.json")
"""Written and checked by tests/engine/test_fake_batch.py."""

RECORDINGS = ROOT / "tests" / "engine" / "recordings" / "README.md"


def what_ran() -> str:
    """Return a row for each real scheduler that went through the acceptance run."""
    return _table("scheduler", RAN, "{title}")


def what_fakes_ran() -> str:
    """Return a row for each fake scheduler that went through the same run."""
    return _table("stand-in", FAKES, "{title}: a FAKE of its commands")


def _table(what: str, file: Path, title: str) -> str:
    rows = [f"| {what} | version | went through |", "| --- | --- | --- |"]
    for facts in json.loads(file.read_text(encoding="utf-8")).values():
        checks = ", ".join(facts["checks"])
        rows.append(f"| {title.format(**facts)} | {facts['version']} | {checks} |")
    return "\n".join(rows)


def what_was_read() -> str:
    """Return a row for each recorded or composed answer that the readers are tested on."""
    rows = ["| answer of | kind | source |", "| --- | --- | --- |"]
    for line in RECORDINGS.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\| (\w+/\S+) \| (.*?) \| (.*?) \| (.*?) \|", line):
            rows.append(f"| {cell(match[2])} | {cell(match[3])} | {cell(match[4])} |")
    return "\n".join(rows)
