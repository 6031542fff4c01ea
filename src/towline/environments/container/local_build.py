"""Make images in the workspace, where Apptainer is there; kept, so that each is made once."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from towline.environments.archive import KEPT_SECONDS, archives_folder, exclusive
from towline.environments.cluster_side import Facts, Report
from towline.environments.container.definition_file import NAME, DefinitionFile
from towline.environments.container.send import BUILD_SECONDS
from towline.environments.container_request import RUNTIMES
from towline.environments.hashes import HashMemory
from towline.environments.interpreter import this_workspace
from towline.environments.scratch import sweep_scratch
from towline.errors import EnvironmentBuildFailed

WORDS = 6
"""Lines of the tool's own that an error shows."""


def runtime_here(facts: Facts) -> str:
    """Return the workspace's program for containers; empty: none, or none for that cluster."""
    workspace = this_workspace()
    if (workspace.system, workspace.arch) != (facts.system, facts.arch):
        return ""
    return next((path for name in RUNTIMES if (path := shutil.which(name))), "")


def from_definition(
    runtime: str, definition: DefinitionFile, name: str, report: Report
) -> tuple[Path, str]:
    """Build an image from its definition file; return its path and its SHA-256.

    Raises:
        EnvironmentBuildFailed: the build failed; in the tool's own words.

    """

    def prepare(folder: Path) -> str:
        definition.lay_out(folder, links=True)
        return NAME

    return _made(runtime, prepare, str(definition.path), name, report)


def from_registry(runtime: str, uri: str, name: str, report: Report) -> tuple[Path, str]:
    """Pull an image; return its path and its SHA-256.

    Raises:
        EnvironmentBuildFailed: it could not be pulled; in the tool's own words.

    """
    return _made(runtime, lambda folder: uri, uri, name, report)


def _made(
    runtime: str, prepare: Callable[[Path], str], asked: str, name: str, report: Report
) -> tuple[Path, str]:
    folder = archives_folder() / "images"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.sif"
    with exclusive(folder / f"{name}.lock"):
        _sweep(folder)
        if path.exists():
            path.touch()
        else:
            report("environment", state="building", key=name)
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as scratch:
                _run(runtime, prepare(Path(scratch)), asked, Path(scratch))
                Path(scratch, "image.sif").replace(path)
            seconds = round(time.monotonic() - began, 3)
            size = path.stat().st_size
            report("environment", state="built", key=name, seconds=seconds, bytes=size)
        return path, HashMemory(folder / "none").sha256(path)


def _run(runtime: str, source: str, asked: str, folder: Path) -> None:
    try:
        done = subprocess.run(
            [runtime, "build", "image.sif", source],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        minutes = BUILD_SECONDS // 60
        raise EnvironmentBuildFailed(
            asked, f"the build of the image did not end in {minutes} minutes", "build it by hand"
        ) from error
    if done.returncode != 0 or not Path(folder, "image.sif").exists():
        lines = [line for line in done.stdout.splitlines() if line and not line.startswith("INFO")]
        raise EnvironmentBuildFailed(
            asked,
            f"{Path(runtime).name} could not make the image: "
            + " / ".join(line.strip() for line in lines[-WORDS:]),
            f"try it by hand: {Path(runtime).name} build image.sif {asked}",
        )


def _sweep(folder: Path) -> None:
    """Remove images that nobody has used for long."""
    sweep_scratch(folder)
    for image in folder.glob("*.sif"):
        with suppress(OSError):
            if time.time() - image.stat().st_mtime > KEPT_SECONDS:
                image.unlink()
