"""The part of `environment_times.py` that measures kind `container` beside Apptainer by hand.

The image holds the running Python, is not compressed, and is on the workspace. By hand means: copy
it and the wheels' files of Parsl to the controller, unpack the image there as nodes have no FUSE,
and start its Python with Parsl bound into it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from towline.clusters import ClusterFacts
from towline.clusters.shell import Shell
from towline.environments import EnvironmentRequest, preflight, realise
from towline.ssh import Connection

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from container_images import PROGRAM, python_image, wrapped  # type: ignore[import-not-found]

CASES = ("container cold", "container warm", "container cached")


def measure(connection: Shell, facts: ClusterFacts, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each case, `runs` times; the two ways take turns.

    Empty, with one line, where Apptainer is missing.
    """
    if not PROGRAM.exists():
        print("LEFT OUT: containers, as Apptainer is missing: as root, scripts/setup_apptainer")
        return {}
    built = Path(os.environ["TOWLINE_HOME"], "cache/environments")
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="towline-bench-image-") as name:
        image = python_image(wrapped(Path(name)), Path(name))
        packages = _parsl_and_needs(Path(name))
        for _ in range(runs):
            shutil.rmtree(built, ignore_errors=True)
            for case in CASES:
                if case != "container cached":
                    connection.run("rm -rf ~/.towline/envs", check=True)
                found.setdefault(case, []).append(_by_towline(connection, facts, image))
            found.setdefault("apptainer by hand", []).append(_by_hand(connection, image, packages))
        connection.run("rm -rf ~/.towline/envs ~/by-hand", check=True)
    return found


def _parsl_and_needs(folder: Path) -> Path:
    """Install what workers need into a folder, as ``pip install --target`` would."""
    from towline.environments.closure import select
    from towline.environments.content import content_of
    from towline.environments.hashes import HashMemory
    from towline.environments.installed import installed_here
    from towline.environments.interpreter import this_workspace

    memory = HashMemory(folder / "hashes")
    target = folder / "packages"
    for file in content_of(select(installed_here(), ()), this_workspace(), memory).shared:
        if file.source is not None:
            place = target / file.name.partition("site-packages/")[2]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.source, place)
    return target


def _by_towline(connection: Shell, facts: ClusterFacts, image: Path) -> float:
    began = time.perf_counter()
    request = EnvironmentRequest.model_validate(
        {"kind": "container", "container": {"image": f"file:{image}"}}
    )
    environment = realise(request, connection, facts, cluster="onprem")
    preflight(environment, connection, cluster="onprem", executor="bench")
    return time.perf_counter() - began


def _by_hand(connection: Shell, image: Path, packages: Path) -> float:
    assert isinstance(connection, Connection)
    connection.run("chmod -R u+rwX ~/by-hand; rm -rf ~/by-hand; mkdir ~/by-hand")
    began = time.perf_counter()
    connection.push_tree(packages, "by-hand/packages")
    staged = image.parent / "staged"
    staged.mkdir(exist_ok=True)
    if not (staged / image.name).exists():
        os.link(image, staged / image.name)
    connection.push_tree(staged, "by-hand/image")
    connection.run(
        "cd ~/by-hand && apptainer -q build --sandbox unpacked image/image.sif && "
        "apptainer -q exec --cleanenv --bind ~/by-hand/packages:/opt/parsl:ro "
        "--env PYTHONPATH=/opt/parsl unpacked python3 -c "
        "'import parsl.executors.high_throughput.process_worker_pool'",
        timeout=300,
        check=True,
    )
    return time.perf_counter() - began
