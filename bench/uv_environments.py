"""The part of `environment_times.py` that measures kind `uv` beside pip by hand.

Packages come from an index on this machine's loopback, made of the wheels of what is installed. By
hand means: copy the wheels to the controller, `python3 -m venv` there, `pip install` from them; as
one does where a cluster has no internet. Resolving and downloading the wheels is not counted there.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from towline.clusters import ClusterFacts
from towline.clusters.shell import Shell
from towline.environments import EnvironmentRequest, preflight, realise

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from environments.index_server import (  # type: ignore[import-not-found]
    Index,
    needed_by,
    wheel_of_installed,
)


def measure(connection: Shell, facts: ClusterFacts, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each case, `runs` times; uv and pip take turns."""
    home = Path(os.environ["TOWLINE_HOME"])
    with tempfile.TemporaryDirectory(prefix="towline-bench-index-") as name:
        folder = Path(name)
        wheels = folder / "wheels"
        wheels.mkdir()
        for package in needed_by("parsl"):
            wheel_of_installed(wheels, package)
        (folder / "requirements.txt").write_text(f"parsl=={version('parsl')}\n")
        spec = str(folder / "requirements.txt")
        found: dict[str, list[float]] = {}
        with Index(wheels) as index:
            _only(index.url, folder)
            for _ in range(runs):
                for away in (home / "cache/environments", home / "state/locks", folder / "cache"):
                    shutil.rmtree(away, ignore_errors=True)
                for case in ("uv cold", "uv warm", "uv cached"):
                    if case != "uv cached":
                        connection.run("rm -rf ~/.towline/envs", check=True)
                    found.setdefault(case, []).append(_by_uv(connection, facts, spec))
                found.setdefault("pip by hand", []).append(_by_hand(connection, wheels))
    return found


def _by_uv(connection: Shell, facts: ClusterFacts, spec: str) -> float:
    began = time.perf_counter()
    request = EnvironmentRequest.model_validate({"kind": "uv", "spec": spec})
    environment = realise(request, connection, facts, cluster="onprem")
    preflight(environment, connection, cluster="onprem", executor="bench")
    return time.perf_counter() - began


def _by_hand(connection: Shell, wheels: Path) -> float:
    connection.run("rm -rf ~/by-hand ~/wheels; mkdir ~/wheels", check=True)
    began = time.perf_counter()
    from towline.ssh import Connection

    assert isinstance(connection, Connection)
    connection.push_tree(wheels, "wheels")
    pip = "~/by-hand/bin/pip install --quiet --no-index --find-links ~/wheels"
    connection.run(
        f"python3 -m venv ~/by-hand && {pip} parsl=={version('parsl')} "
        "&& ~/by-hand/bin/python -c 'import parsl'",
        timeout=300,
        check=True,
    )
    return time.perf_counter() - began


def _only(url: str, folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        del os.environ[name]
    os.environ |= {
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": url,
        "UV_CACHE_DIR": str(folder / "cache"),
    }
