"""An environment on a cluster: cold, warm and cached, over SSH to a controller of the testbed.

Cold: not built, not on the cluster. Warm: built in the workspace, not on the cluster. Edited: an
editable package has changed, the rest is there. Cached: all is there; with the pre-flight. Each is
the base install, Parsl and what it needs, from planning to the last answer. Kind `uv` is measured
beside pip by hand, kind `conda` beside py-rattler and tar by hand.

    python bench/environment_times.py [--runs N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import conda_environments
import container_environments
import uv_environments
from common import clusters, ratio, spread

from towline.clusters import ClusterFacts, ClusterStore, connect, load_facts
from towline.clusters.shell import Shell
from towline.environments import EnvironmentRequest, preflight, realise

LIMITS = {"cold": 3.0, "warm": 3.0, "edited": 3.0, "cached": 0.2}
"""Seconds: the goals."""


def seconds(connection: Shell, facts: ClusterFacts, *packages: str, python: str = "") -> float:
    """Return the time to have the environment and to know that it is good."""
    began = time.perf_counter()
    wanted = {"packages": ("parsl", *packages), "python": python or None}
    request = EnvironmentRequest.model_validate(wanted)
    environment = realise(request, connection, facts, cluster="onprem")
    preflight(environment, connection, cluster="onprem", executor="bench")
    return time.perf_counter() - began


def install_editable(folder: Path) -> Path:
    """Put a small editable package on this interpreter's path; return its one module."""
    about, source = folder / "site/mine-1.0.dist-info", folder / "source/mine.py"
    about.mkdir(parents=True)
    source.parent.mkdir()
    source.write_text("")
    url = json.dumps({"url": source.parent.as_uri(), "dir_info": {"editable": True}})
    (about / "METADATA").write_text("Name: mine\nVersion: 1.0\n")
    (about / "direct_url.json").write_text(url)
    (folder / "site/mine.pth").write_text(f"{source.parent}\n")
    (about / "RECORD").write_text("mine.pth,,\nmine-1.0.dist-info/RECORD,,\n")
    sys.path.append(str(folder / "site"))
    return source


def measure(connection: Shell, facts: ClusterFacts, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each case, `runs` times."""

    def away() -> None:
        connection.run("rm -rf ~/.towline/envs", check=True)

    def unbuilt() -> None:
        away()
        shutil.rmtree(Path(os.environ["TOWLINE_HOME"], "cache/environments"), ignore_errors=True)

    with tempfile.TemporaryDirectory() as folder:
        module = install_editable(Path(folder))

        def edited() -> None:
            module.write_text(f"edited = {time.time()}\n")

        def nothing() -> None:
            pass

        cases: dict[str, tuple[Callable[[], None], tuple[str, ...], str]] = {
            "cold": (unbuilt, (), ""),
            "warm": (away, (), ""),
            "edited": (edited, ("mine",), ""),
            "cached": (nothing, (), ""),
            "cold, with Python": (unbuilt, (), "workspace"),
            "warm, with Python": (away, (), "workspace"),
        }
        found: dict[str, list[float]] = {}
        for name, (prepare, packages, python) in cases.items():
            found[name] = []
            for _ in range(runs):
                prepare()
                found[name].append(seconds(connection, facts, *packages, python=python))
    return found


def main() -> None:
    """Measure, and print each case beside its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with clusters():
        definition = ClusterStore().load("onprem")
        connection = connect(definition)
        facts = load_facts(definition, connection)
        found = measure(connection, facts, runs)
        found |= uv_environments.measure(connection, facts, runs)
        found |= conda_environments.measure(connection, facts, runs)
        found |= container_environments.measure(connection, facts, runs)
    for name, times in found.items():
        limit = LIMITS.get(name)
        goal = "" if limit is None else f"  (limit {limit} s)"
        print(f"{name}: {spread(times)} s{goal}")
        about = {"name": f"environment {name}", "seconds": sorted(times)[len(times) // 2]}
        print(json.dumps(about | ({} if limit is None else {"limit": limit})))
    for case in ("uv cold", "uv warm", "uv cached"):
        ratio(f"{case} : pip by hand", found[case], found["pip by hand"], "below 1")
    for case in conda_environments.CASES:
        goal = "at most 2" if case == "conda cold" else "below 1"
        ratio(f"{case} : py-rattler by hand", found[case], found["py-rattler by hand"], goal)
    for case in container_environments.CASES if "apptainer by hand" in found else ():
        ratio(f"{case} : apptainer by hand", found[case], found["apptainer by hand"], "at most 1.5")


if __name__ == "__main__":
    main()
