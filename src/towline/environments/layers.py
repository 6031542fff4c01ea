"""Layers that several kinds are made of: the interpreter, and the environment's own folder."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from towline.environments import fitness, standalone
from towline.environments.cluster_side import Facts, program
from towline.environments.environment import Environment
from towline.environments.members import Member
from towline.environments.plan import INTERPRETER, Layer

PROBE = "preflight_probe.py"


def interpreter_layer(name: str, facts: Facts, cluster: str) -> Layer:
    """Return the layer that holds the workspace's own interpreter."""

    def fill(folder: Path) -> list[Member]:
        write_lock(folder, {"kind": "interpreter", "version": sys.version})
        return standalone.lay_out(folder)

    return Layer(
        name=f"{INTERPRETER}{name}",
        archive=f"{INTERPRETER}{name}",
        fill=fill,
        fits=lambda: fitness.interpreter_fits(facts, cluster),
        finish='"$1/bin/python" -S -c ""',
    )


def top_layer(
    environment: Environment,
    *,
    archive: str,
    fill: Callable[[Path], Iterable[Member]],
    lock: dict[str, Any],
    needs: list[str],
    interpreter: str,
    minor: str,
    site_lines: bool,
    unvouched: Iterable[str] = (),
    more: str = "",
) -> Layer:
    """Return the environment's own folder, which brings the layers below it together.

    Args:
        environment: what it will be.
        archive: name of its archive.
        fill: makes the content that no other layer has.
        lock: the record of what the environment is made of.
        needs: names of the layers below, the packages last.
        interpreter: path of the Python on the cluster.
        minor: its version, as in ``"3.11"``.
        site_lines: whether the user's or the site's lines run before it.
        unvouched: compiled modules that no wheel's tags vouch for.
        more: sh text run in the finished folder, ``$new``.

    """
    root = environment.prefix.rpartition("/")[0]
    site = f"{root}/{needs[-1]}/lib/python{minor}/site-packages"

    def fill_all(folder: Path) -> Iterable[Member]:
        shutil.copyfile(Path(__file__).with_name(PROBE), folder / PROBE)
        write_lock(folder, lock)
        return fill(folder)

    finish = program(
        "finish_sync",
        interpreter=interpreter,
        minor=minor,
        # Not a plain path: .pth files among the packages must count, too.
        pth=f"import site; site.addsitedir({site!r})",
        needs=" ".join(needs),
        modules=shlex.join(unvouched),
        # A check is remembered for the lines it was made with; the site's own lines are only
        # run by the pre-flight.
        check="" if site_lines else environment.activation_digest,
    )
    return Layer(environment.key, archive, fill_all, finish=finish + more)


def write_lock(folder: Path, lock: dict[str, Any]) -> None:
    """Write the record of what a layer is made of, the sign that it is whole."""
    (folder / "lock.json").write_text(json.dumps(lock, indent=1), encoding="utf-8")
