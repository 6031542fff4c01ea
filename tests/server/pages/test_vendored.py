"""What others wrote is there as it is stated, with version and licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("src/towline/server/static/vendor", "tests/browser/vendor")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_vendored_file_says_what_it_is(folder: str) -> None:
    """Each part begins with name, version, path and licence, as vendor.json has them."""
    stated = json.loads((ROOT / folder / "vendor.json").read_text())
    there = {path.name for path in (ROOT / folder).iterdir()} - {"vendor.json"}
    assert there == set(stated)
    for name, parts in stated.items():
        text = (ROOT / folder / name).read_text()
        for each in parts:
            assert each["integrity"].startswith("sha512-")
            for path in each["paths"]:
                head = f"/*! {each['name']} {each['version']} {path}, {each['licence']} */\n"
                assert head in text


def test_htmx_and_its_extension_are_one_file() -> None:
    """As two, the page may start before the extension is known, and never be told anything."""
    parts = json.loads((ROOT / FOLDERS[0] / "vendor.json").read_text())["htmx.js"]
    assert [path for each in parts for path in each["paths"]] == [
        "dist/htmx.min.js",
        "dist/ext/hx-sse.min.js",
    ]
