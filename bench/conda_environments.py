"""The part of `environment_times.py` that measures kind `conda` beside the same by hand.

Packages come from a channel in a folder of this machine: this Python and Parsl as conda packages.
No conda can be had here. By hand means: solve and link with py-rattler, then `tar | gzip | ssh`, as
one would without Towline; no byte-code is made and nothing is tried out there.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from towline.clusters import ClusterFacts
from towline.clusters.shell import Shell
from towline.environments import EnvironmentRequest, preflight, realise

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from environments.conda_channel import SUBDIR, make_channel  # type: ignore[import-not-found]

CASES = ("conda cold", "conda warm", "conda cached")
"""Cold: nothing solved, downloaded, built or there. Warm: built, not there."""


def measure(connection: Shell, facts: ClusterFacts, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each case, `runs` times; Towline and the hand take turns."""
    home = Path(os.environ["TOWLINE_HOME"])
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="towline-bench-channel-") as name:
        channel, parts = Path(name, "channel"), Path(name, "parts")
        channel.mkdir()
        parts.mkdir()
        make_channel(channel, parts)
        spec = Path(name, "environment.yml")
        spec.write_text(f"channels: ['{channel}']\ndependencies: [parsl=={version('parsl')}]\n")
        for _ in range(runs):
            for away in ("cache/environments", "cache/conda", "state/locks"):
                shutil.rmtree(home / away, ignore_errors=True)
            for case in CASES:
                if case != "conda cached":
                    connection.run("rm -rf ~/.towline/envs", check=True)
                found.setdefault(case, []).append(_by_towline(connection, facts, str(spec)))
            found.setdefault("py-rattler by hand", []).append(_by_hand(connection, facts, channel))
    return found


def _by_towline(connection: Shell, facts: ClusterFacts, spec: str) -> float:
    began = time.perf_counter()
    request = EnvironmentRequest.model_validate({"kind": "conda", "spec": spec})
    environment = realise(request, connection, facts, cluster="onprem")
    preflight(environment, connection, cluster="onprem", executor="bench")
    return time.perf_counter() - began


def _by_hand(connection: Shell, facts: ClusterFacts, channel: Path) -> float:
    connection.run("rm -rf ~/by-hand; mkdir ~/by-hand", check=True)
    target = f"{facts.home}/by-hand"
    with tempfile.TemporaryDirectory(prefix="towline-bench-hand-") as name:
        began = time.perf_counter()
        asyncio.run(_solve_and_link(channel, Path(name), target, facts))
        ssh = shlex.join(connection.argv(f"tar -C {target} -xzf -"))
        pack = f"tar -C {shlex.quote(name)}/linked -cf - . | gzip -1 | {ssh}"
        subprocess.run(["sh", "-c", pack], check=True)
        connection.run("~/by-hand/bin/python -c 'import parsl'", check=True)
        return time.perf_counter() - began


async def _solve_and_link(channel: Path, folder: Path, target: str, facts: ClusterFacts) -> None:
    import rattler
    from rattler.package import BuildString

    glibc = rattler.GenericVirtualPackage(
        rattler.PackageName("__glibc"), rattler.Version(facts.glibc), BuildString("0")
    )
    records = await rattler.solve(
        [channel.as_uri()],
        [f"parsl =={version('parsl')}"],
        platforms=[rattler.Subdir(SUBDIR), rattler.Subdir("noarch")],
        virtual_packages=[glibc],
    )
    await rattler.install(
        records,
        target_prefix=folder / "linked",
        cache_dir=folder / "packages",
        alternative_target_prefix=target,
        show_progress=False,
    )
