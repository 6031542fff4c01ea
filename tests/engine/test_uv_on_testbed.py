"""Environments made from specs, on both clusters in one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import parsl
import pytest
from environments.index_server import Index, make_wheel

import towline
from towline.errors import EnvironmentBuildFailed
from towline.runs import RunFolder
from towline.testbed import Testbed


def app(label: str) -> Callable[[str], parsl.dataflow.futures.AppFuture]:
    """Return an app of one executor, sent by value: the tests' modules are not on the clusters."""
    source = "def import_it(name):\n import importlib, sys\n"
    source += " return importlib.import_module(name).version, sys.prefix\n"
    space: dict[str, object] = {"__name__": "__main__"}
    exec(source, space)  # noqa: S102 - a function of no module travels whole
    return parsl.python_app(space["import_it"], executors=[label])


def test_tasks_on_both_clusters_run_in_environments_of_their_own_specs(
    clusters: Testbed, leftovers: Callable[[], list[str]], parsl_index: Index, tmp_path: Path
) -> None:
    """One from requirements with 1.0, one from a script's header with 2.0, with the real Parsl."""
    for release in ("1.0", "2.0"):
        make_wheel(parsl_index.folder, "lib", release)
    (tmp_path / "old.txt").write_text("lib<2\n")
    (tmp_path / "flow.py").write_text('# /// script\n# dependencies = ["lib"]\n# ///\n')
    executors = tmp_path / "executors.yaml"
    executors.write_text(
        "old: {cluster: onprem, env_spec: old.txt}\nnew: {cluster: cloud, env_spec: flow.py}\n"
    )
    with towline.load(executors):
        old, new = app("old")("lib"), app("new")("lib")
        assert (old.result(90)[0], new.result(90)[0]) == ("1.0", "2.0")
        assert "/envs/uv-" in old.result()[1] and "/envs/uv-" in new.result()[1]
    assert leftovers() == []
    assert RunFolder.all()[0].ledger.open_entries() == []


def test_a_spec_that_cannot_be_locked_stops_everything_before_a_job(
    clusters: Testbed, leftovers: Callable[[], list[str]], parsl_index: Index, tmp_path: Path
) -> None:
    """Also on the cluster whose own spec is right."""
    (tmp_path / "right.txt").write_text("")
    (tmp_path / "wrong.txt").write_text("absent-package\n")
    specs = {"a": ("onprem", "right.txt"), "b": ("cloud", "wrong.txt")}
    executors = {
        label: {"cluster": cluster, "env_spec": str(tmp_path / spec)}
        for label, (cluster, spec) in specs.items()
    }
    with pytest.raises(EnvironmentBuildFailed, match="absent-package"):
        towline.load(executors)
    assert leftovers() == []
    assert [event.name for event in RunFolder.all()[0].events.read()].count("block") == 0
