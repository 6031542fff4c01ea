"""The rooms: who may import whom, and how large a file may grow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import towline

PACKAGE = Path(towline.__file__).parent
ROOMS = [
    "cli",
    "server",
    "client",
    "runs",
    "workflows",
    "engine",
    "environments",
    "clusters",
    "link",
    "ssh",
    "store",
    "testbed",
]
"""From the top down, as docs/architecture.md draws them."""

PLUG_INS = {"testbed/cluster_type.py"}
"""Found by their entry points only: they import the room that they plug into, as others' do."""

FILES = sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    ours = [module.split(".") for module in modules if module.startswith("towline.")]
    return {parts[1] for parts in ours if parts[1] in ROOMS}


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if str(path.relative_to(PACKAGE)) not in PLUG_INS],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_point_down_only(path: Path) -> None:
    """A room can be changed without opening those above it."""
    room = path.relative_to(PACKAGE).parts[0]
    above = set(ROOMS[: ROOMS.index(room)])
    assert not imported_rooms(path) & above


@pytest.mark.parametrize(
    ("room", "never"), [("client", {"server", "store"}), ("server", {"client"}), ("store", {"ssh"})]
)
def test_rooms_that_know_nothing_of_each_other(room: str, never: set[str]) -> None:
    """Client and server meet in the API's description, and nowhere else."""
    files = [path for path in FILES if path.relative_to(PACKAGE).parts[0] == room]
    assert files
    assert {str(path): found for path in files if (found := imported_rooms(path) & never)} == {}


def test_no_file_says_too_much() -> None:
    """Around 150 lines is usual; far beyond 400, a file says two things."""
    assert {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) > 430} == {}
