"""Make a conda environment in a folder of the workspace, whole and as the cluster will have it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from towline.environments.byte_code import COMPILE_SECONDS
from towline.environments.cluster_side import Report
from towline.environments.conda.environment_file import EnvironmentFile
from towline.environments.conda.linking import link, post_link_scripts
from towline.environments.conda.locking import Locked, Target
from towline.environments.conda.pip_install import install_pins

_OF_WORKSPACE = ("direct_url.json", "uv_cache.json", "uv_build.json")
"""Notes of an installer with a path of the workspace, or an address with a password."""


def build(
    folder: Path,
    locked: Locked,
    file: EnvironmentFile,
    target: Target,
    prefix: str,
    report: Report,
    key: str,
) -> None:
    """Fill an empty folder with the environment that will lie at `prefix` on the cluster.

    Raises:
        EnvironmentBuildFailed: a package cannot be had, linked or installed.

    """
    link(locked.records, file.channels, target.subdir, folder, prefix, report, key)
    for package in post_link_scripts(folder):
        report("warning", text=f"{package} has a post-link script, which is not run")
    if locked.pins:
        report("environment", state="installing", key=key)
        install_pins(locked.pins, file.pip, folder, target.wheels_for, str(file.path))
        _move(folder, prefix)
    _compile(folder, prefix)


def _move(folder: Path, prefix: str) -> None:
    """Make what pip has installed run at its later place, and forget where it was made."""
    here, there = str(folder).encode(), prefix.encode()
    for path in (folder / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if here in content and b"\0" not in content[:1024]:
                mode = path.stat().st_mode
                path.unlink()  # it may be a second name of a file of a cache
                path.write_bytes(content.replace(here, there))
                path.chmod(mode)
    for path in folder.glob("lib/python3*/site-packages/*.dist-info/*"):
        if path.name in _OF_WORKSPACE:
            path.unlink()


def _compile(folder: Path, prefix: str) -> None:
    """Write byte-code: the workspace's Python is of the same minor version, so it can."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-S", "-s", "-m", "compileall", "-q", "-q", "-j", "0"]
    command += ["-s", str(folder), "-p", prefix, "-x", r"/tests?/|/lib2to3/", str(folder / "lib")]
    with suppress(subprocess.TimeoutExpired):  # what is not compiled by then, the workers compile
        subprocess.run(command, env=clean, timeout=COMPILE_SECONDS, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
