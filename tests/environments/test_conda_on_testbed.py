"""Conda environments on two real Slurm clusters in one run, used by Parsl's workers."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil

import parsl
import pytest

import towline
from towline.errors import DefinitionError, EnvironmentBuildFailed, EnvironmentMismatch


@pytest.fixture
def executors(tmp_path, channel):
    """Write an executors file in the words of 2022, and its environment.yml; return the file."""

    def write(*lines: str, **keys: str) -> str:
        text = f"channels: ['{channel.folder}']\ndependencies:\n"
        (tmp_path / "requirements").mkdir(exist_ok=True)
        path = tmp_path / "requirements/conda_env_remote.yaml"
        path.write_text(text + "".join(f"  - {line}\n" for line in lines))
        usual = {
            "CONDA_ENV": "science",
            "CONDA_DIR": "~/miniconda3",
            "INSTALL_CONDA": "true",
            "LOCAL_CONDA_YAML": "./requirements/conda_env_remote.yaml",
            "WALLTIME": "00:10:00",
        }
        both = {
            "myexecutor_1": {"POOL": "onprem", "PARTITION": "compute", **usual, **keys},
            "myexecutor_2": {"POOL": "cloud", **usual, **keys},
        }
        file = tmp_path / "executors.json"
        file.write_text(json.dumps(both))
        return str(file)

    return write


def test_tasks_run_in_the_environment_of_the_file_on_both_clusters(clusters, executors):
    """With a package that this workspace does not have, a script's variable, and conda's name."""
    clusters.ssh("onprem", "mkdir -p ~/miniconda3/envs")
    with towline.load(executors("app", "scripts")):
        labels = ("myexecutor_1", "myexecutor_2")
        found = {
            label: [
                parsl.python_app(importlib.util.find_spec, executors=[label])("greeting"),
                parsl.python_app(os.getenv, executors=[label])("CONDA_PREFIX"),
                parsl.python_app(os.getenv, executors=[label])("ACTIVATED"),
                parsl.python_app(shutil.which, executors=[label])("where"),
            ]
            for label in labels
        }
        for label in labels:
            imported, prefix, activated, where = found[label]
            assert imported.result(120).origin.startswith(prefix.result(60))
            assert "/.towline/envs/conda-" in prefix.result(120)
            assert activated.result(60) == "yes"
            assert where.result(60) == f"{prefix.result()}/bin/where"
        link = clusters.ssh("onprem", "readlink ~/miniconda3/envs/science").stdout.strip()
        assert link == found["myexecutor_1"][1].result()
    clusters.ssh("onprem", "rm -rf ~/miniconda3")
    for name in ("onprem", "cloud"):
        ask = "squeue -h; ls -d ~/.towline/runs/* ~/.towline/envs/*.tmp.* 2>/dev/null; :"
        assert clusters.ssh(name, ask).stdout == ""


@pytest.mark.parametrize(
    ("lines", "keys", "error", "words"),
    [
        (["app", "greeting>=2"], {}, EnvironmentBuildFailed, "app 1.0 would require"),
        (["parsl=2023.1.1"], {}, EnvironmentMismatch, "workers would run Parsl 2023.1.1"),
        (["python=3.9"], {}, EnvironmentMismatch, "cannot cross minor versions"),
        (["{app: 1}"], {}, DefinitionError, "'app' is neither a package"),
        (["app"], {"LOCAL_CONDA_YAML": "./nowhere.yaml"}, DefinitionError, "is not there"),
    ],
    ids=["unsatisfiable", "another Parsl", "another Python", "a typing error", "no file"],
)
def test_what_is_wrong_is_said_before_anything_is_submitted(
    clusters, executors, lines, keys, error, words
):
    with pytest.raises(error, match=words.replace("(", r"\(")):
        towline.load(executors(*lines, **keys))
    for name in ("onprem", "cloud"):
        assert clusters.ssh(name, "squeue -h; ls -d ~/.towline/runs/* 2>/dev/null; :").stdout == ""
