"""Wheels installed into a folder of the workspace, as they will lie on the cluster."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from towline.environments.hashes import HashMemory
from towline.environments.installed import SHARED_FOLDERS
from towline.environments.members import NOT_SENT, Member
from towline.environments.uv.pylock import Folder, Wheel, render_pylock
from towline.environments.uv.target import Target
from towline.environments.uv.tool import run_uv, words_of
from towline.errors import EnvironmentBuildFailed

_NO_SOURCE = frozenset({"build", "dist", "__pycache__", "node_modules", "venv"})
"""Folders of a project that its wheel is not made of."""


def install(wheels: Sequence[Wheel], target: Target, into: Path) -> None:
    """Install wheels below `into`, each checked against its hash.

    Raises:
        EnvironmentBuildFailed: one cannot be had, or is not the one that was locked.

    """
    with tempfile.TemporaryDirectory(prefix="towline-lock-") as scratch:
        pylock = Path(scratch, "pylock.towline.toml")
        pylock.write_text(render_pylock(wheels, queries=True), encoding="utf-8")
        _install(["-r", str(pylock)], target, into)


def build_and_install(folder: Folder, target: Target, into: Path) -> None:
    """Build the wheel of a package of the user's own and install it below `into`.

    Raises:
        EnvironmentBuildFailed: its build fails, or its wheel does not run there.

    """
    with tempfile.TemporaryDirectory(prefix="towline-wheel-") as scratch:
        command = ["build", "--wheel", "--quiet", "--python", sys.executable]
        answer = run_uv([*command, "--out-dir", scratch, str(folder.path)], folder=folder.path)
        built = list(Path(scratch).glob("*.whl"))
        if answer.returncode or not built:
            raise EnvironmentBuildFailed(
                f"package {folder.name}",
                f"no wheel can be built from {folder.path}: {words_of(answer.stderr)}",
                f"try it: uv build --wheel {folder.path}",
            )
        _install([str(built[0])], target, into)


def staged_members(folder: Path, minor: str) -> Iterator[Member]:
    """Yield what an install has put into a folder, laid out as on the cluster."""
    site = next((path for path in folder.rglob("*") if path.name in SHARED_FOLDERS), None)
    for source in _files(folder):
        inside = source.relative_to(folder).as_posix()
        if site is not None and source.is_relative_to(site):
            below = source.relative_to(site).as_posix()
            inside = f"lib/python{minor}/site-packages/{below}"
        executable = bool(source.stat().st_mode & stat.S_IXUSR)
        if source.name not in NOT_SENT and not source.name.endswith(".pyc"):
            yield Member(inside, source, None, "", executable)


def sources_digest(folder: Folder, memory: HashMemory) -> list[str]:
    """Return a line for each file that the package's wheel may be made of."""
    if not folder.path.is_dir():
        raise EnvironmentBuildFailed(
            f"package {folder.name}", f"its folder {folder.path} is not there"
        )
    return [
        f"{file.relative_to(folder.path).as_posix()} {memory.sha256(file)}"
        for file in _files(folder.path, _NO_SOURCE)
        if file.is_file() and not file.name.endswith(".pyc")
    ]


def _files(folder: Path, left_out: frozenset[str] = frozenset()) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in left_out and not (left_out and name.startswith("."))
        )
        yield from (Path(place, name) for name in sorted(files))


def _install(what: list[str], target: Target, into: Path) -> None:
    options = ["--prefix", str(into), "--python", sys.executable, "--no-deps"]
    options += ["--only-binary", ":all:", "--python-platform", target.uv_platform]
    answer = run_uv(["pip", "install", "--quiet", *options, *what])
    if answer.returncode:
        raise EnvironmentBuildFailed("the locked wheels", words_of(answer.stderr), "try again")
