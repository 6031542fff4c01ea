"""Every kind of environment on two real Slurm clusters, in one run of one script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import parsl

import towline
from environments.conda_channel import CondaChannel
from environments.index_server import Index, make_wheel
from towline.clusters import ClusterStore, connect, load_facts
from towline.environments import EnvironmentRequest, realise
from towline.testbed import Testbed

CLUSTERS = ("onprem", "cloud")


def one_that_exists(cluster: str) -> str:
    """Return the folder of an environment that somebody has made on a cluster before."""
    definition = ClusterStore().load(cluster)
    connection = connect(definition)
    facts = load_facts(definition, connection)
    request = EnvironmentRequest.model_validate({"packages": ("parsl", "packaging")})
    return realise(request, connection, facts, cluster=cluster).prefix


def test_every_kind_on_both_clusters_in_one_run(
    clusters: Testbed, channel: CondaChannel, parsl_index: Index, image: Path, tmp_path: Path
) -> None:
    """Ten executors: each task finds the workspace's Python minor, and its own environment."""
    make_wheel(parsl_index.folder, "lib", "1.0")
    (tmp_path / "requirements.txt").write_text("lib\n")
    (tmp_path / "environment.yml").write_text(
        f"channels: ['{channel.folder}']\ndependencies: [app]\n"
    )
    kinds: dict[str, dict[str, Any]] = {
        "sync": {"packages": ["parsl"]},
        "uv": {"env_spec": str(tmp_path / "requirements.txt")},
        "conda": {"env_spec": str(tmp_path / "environment.yml")},
        "container": {"container_image": f"file:{image}"},
    }
    executors = {
        f"{kind}_{cluster}": {"cluster": cluster, "tasks_per_node": 1, **keys}
        for kind, keys in kinds.items()
        for cluster in CLUSTERS
    }
    for cluster in CLUSTERS:
        executors[f"existing_{cluster}"] = {
            "cluster": cluster,
            "tasks_per_node": 1,
            "prefix": one_that_exists(cluster),
        }
    with towline.load(executors):
        found = {
            label: (
                parsl.python_app(eval, executors=[label])("__import__('sys').version_info[:2]"),
                parsl.python_app(eval, executors=[label])("__import__('sys').prefix"),
            )
            for label in executors
        }
        prefixes = {label: prefix.result(180) for label, (_, prefix) in found.items()}
        assert {version.result(60) for version, _ in found.values()} == {sys.version_info[:2]}
    for cluster in CLUSTERS:
        assert "/envs/uv-" in prefixes[f"uv_{cluster}"]
        assert "/envs/conda-" in prefixes[f"conda_{cluster}"]
        assert prefixes[f"container_{cluster}"] == "/opt/python"
        assert "/envs/sync-" in prefixes[f"existing_{cluster}"]
        ask = "squeue -h; ls -d ~/.towline/runs/* ~/.towline/envs/*.tmp.* 2>/dev/null; :"
        assert clusters.ssh(cluster, ask).stdout == ""
