"""The program uv on the workspace: found, run, and its failures read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from towline.environments.locks import without_secrets
from towline.environments.uv.indexes import index_settings
from towline.errors import EnvironmentBuildFailed

VARIABLE = "TOWLINE_UV"
"""Environment variable with the path of the program, in front of all other places."""

RUN_SECONDS = 1800
"""Limit of one run of uv: a first download of several GB takes its time."""

INSTALL = "python -m pip install 'towline[uv]'"


def find_uv() -> str:
    """Return the path of uv: the one named, the package's own, else one on PATH.

    Raises:
        EnvironmentBuildFailed: it is not installed; says how to.

    """
    named = os.environ.get(VARIABLE)
    if named and os.access(named, os.X_OK):
        return named
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise EnvironmentBuildFailed(
            "kind uv", "needs the program uv in the workspace, and it is not installed", INSTALL
        )
    return found


def run_uv(
    arguments: Sequence[str], *, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv with the user's indexes and credentials, which reach no command line.

    Args:
        arguments: after ``uv``.
        folder: where it runs; its ``uv.toml`` or ``pyproject.toml`` counts.

    Raises:
        EnvironmentBuildFailed: uv is not there, cannot be run, or found no end.

    """
    program = find_uv()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }
    settings = {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    try:
        return subprocess.run(
            [program, *arguments],
            cwd=folder,
            env={**kept, **index_settings(os.environ), **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    except OSError as error:
        raise EnvironmentBuildFailed(
            "kind uv", f"{program} cannot be run: {error.strerror}", INSTALL
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentBuildFailed(
            "kind uv", f"uv {arguments[0]} took longer than {RUN_SECONDS} s and was ended"
        ) from error


def words_of(stderr: str) -> str:
    """Return uv's error as one line without secrets: its cause, and its hint when it has one."""
    lines = [line.strip() for line in without_secrets(stderr).splitlines() if line.strip()]
    starts = [n for n, line in enumerate(lines) if line.startswith("error:")]
    told = lines[starts[0] :] if starts else lines[-3:]
    shown = [
        line.removeprefix("error:").removeprefix("cause:").strip()
        for line in told
        if not line.startswith(("warning:", "Usage:", "For more information"))
    ]
    return " ".join(
        line if line.endswith((".", ":", "?")) or line == shown[-1] else f"{line}:"
        for line in shown
    )
