"""The rooms: who may import whom, and how large a file may grow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import towline

PACKAGE = Path(towline.__file__).parent
ROOMS = ["cli", "runs", "engine", "environments", "clusters", "link", "ssh", "testbed"]
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


def test_no_file_says_too_much() -> None:
    """Around 150 lines is usual; far beyond 400, a file says two things."""
    assert {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) > 430} == {}
