"""Folders with everything that gets lost easily, and pictures of folders to compare."""

from __future__ import annotations

import stat
from pathlib import Path

ODD_NAMES = ["-rf", "new\nline", "a b", "ünï", "q'uo\"te", "$HOME", "*", "back\\slash", "x" * 200]


def parts(folder: Path) -> list[Path]:
    """Return what unfinished copies have left under a folder."""
    return list(folder.rglob(".towline-part-*"))


def picture(folder: Path) -> dict[str, tuple[str, int, object]]:
    """Return name -> (kind, permission bits, content) of all that is in a folder."""
    seen: dict[str, tuple[str, int, object]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        name, mode = str(path.relative_to(folder)), stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            seen[name] = ("link", 0, str(path.readlink()))
        elif path.is_dir():
            seen[name] = ("folder", mode, None)
        else:
            seen[name] = ("file", mode, path.read_bytes())
    return seen


def make_tree(root: Path) -> Path:
    """Make a folder with all kinds of members, modes and names."""
    (root / "sub" / "empty").mkdir(parents=True)
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o755)
    (root / "secret").write_text("s")
    (root / "secret").chmod(0o600)
    (root / "sub" / "closed").mkdir(mode=0o700)
    (root / "none").touch()
    (root / "sub" / "big").write_bytes(bytes(range(256)) * 12_000)
    (root / "link").symlink_to("sub/big")
    (root / "dangling").symlink_to("nowhere")
    (root / "up").symlink_to("sub/../tool")
    for name in ODD_NAMES:
        (root / "sub" / name).write_text(name)
    root.chmod(0o750)
    return root
