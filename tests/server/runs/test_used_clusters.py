"""Which clusters a launch would use: what rights are asked for, and what a repeated run keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.folders import config_folder
from towline.runs.launching import prepare
from towline.server.launcher import Launch
from towline.server.used_clusters import asked_besides_form, used_clusters
from towline.workflows import Catalog, FromPath, Installed
from towline.workflows.files import local_file

_YAML = """
run: [python, main.py]
inputs:
  where: {type: cluster, default: onprem, executors: [one]}
executors:
  one: {cluster: onprem, nodes: 1}
  two: {cluster: cloud, nodes: 1}
"""


@pytest.fixture
def installed(home: Path, tmp_path: Path) -> Installed:
    """Install a workflow with two executors; define three clusters."""
    clusters = config_folder() / "clusters"
    clusters.mkdir(parents=True)
    for name in ("onprem", "cloud", "other"):
        (clusters / f"{name}.yaml").write_text(f"type: slurm\nhost: {name}.example.org\n")
    source = tmp_path / "two"
    source.mkdir()
    (source / "main.py").write_text("")
    (source / "workflow.yaml").write_text(_YAML)
    return Catalog().add(FromPath(source))


@pytest.mark.parametrize(
    ("inputs", "clusters", "expected"),
    [
        ({}, {}, ["cloud", "onprem"]),
        ({"where": "other"}, {}, ["cloud", "other"]),
        ({}, {"one": "other", "two": "other"}, ["other"]),
    ],
)
def test_clusters_come_from_definition_form_and_request(
    installed: Installed, inputs: dict[str, str], clusters: dict[str, str], expected: list[str]
) -> None:
    """The request wins over the form, and the form over the definition."""
    assert used_clusters(Launch(installed, inputs, "ann", local_file, clusters)) == expected


def test_a_repeated_run_keeps_what_was_chosen_beside_the_form(installed: Installed) -> None:
    """What the form had chosen is left to the form, which may be filled in otherwise."""
    by_form = prepare(installed, {"where": "other"}).folder.asked
    assert asked_besides_form(installed, by_form) == {}
    beside = prepare(installed, {}, clusters={"two": "other"}).folder.asked
    assert asked_besides_form(installed, beside) == {"two": "other"}
