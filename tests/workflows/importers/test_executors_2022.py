"""The talk's executors.json, as its slide shows it, and those of the two years around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from towline.engine.definitions import load_executors
from towline.errors import DefinitionError
from towline.workflows.importers import Fate, import_workflow
from towline.workflows.importers.executors_2022 import read_executors
from towline.workflows.importers.report import Report

SLIDE = Path(__file__).with_name("talk_executors.json")


def read(tmp_path: Path, keys: dict[str, Any]) -> tuple[dict[str, Any], Report]:
    path = tmp_path / "executors.json"
    path.write_text(json.dumps({"a": keys}))
    report = Report("executors.json")
    return read_executors(path, report), report


def test_the_slide_s_file_becomes_the_workflow_s_executors(tmp_path: Path) -> None:
    """Every key is spoken of, and a run takes what became of them as it takes the file itself."""
    (tmp_path / "main.py").write_text("print()\n")
    (tmp_path / "executors.json").write_text(SLIDE.read_text())
    (tmp_path / "local.conf").write_text("# ours\nexport CONDA_ENV=parsl-1.2\nOTHER=$HOME\n")
    imported = import_workflow(tmp_path)
    executors = imported.definition.executors
    assert isinstance(executors, dict)
    assert executors["myexecutor_1"] == {
        "cluster": "gcpslurm2",
        "run_dir": "~/parsl-rundir",
        "nodes": 2,
        "partition": "compute",
        "tasks_per_node": 1,
        "walltime": "08:00:00",
        "conda_env": "parsl-1.2",
        "conda_dir": "~/miniconda3",
        "cores_per_worker": 0.1,
        "install_conda": True,
        "local_conda_yaml": "./requirements/conda_env_remote.yaml",
    }
    as_it_was = load_executors(SLIDE, folder=tmp_path).executors
    assert load_executors(executors, folder=SLIDE.parent).executors == as_it_was
    told = {line.what.split(".")[-1]: line.fate for line in imported.report if "." in line.what}
    keys = json.loads(SLIDE.read_text())["myexecutor_1"]
    assert set(keys) <= set(told)
    gone = {key for key in keys if told[key] is Fate.LEFT_OUT}
    assert gone == {
        *("WORKER_LOGDIR_ROOT", "SSH_CHANNEL_SCRIPT_DIR", "HOST_USER", "HOST_IP"),
        *("WORKER_PORT_1", "WORKER_PORT_2"),
    }
    assert imported.definition.environment == {"conda_env": "parsl-1.2"}
    assert imported.definition.run == ("python", "main.py")


def test_later_files_are_read_too(tmp_path: Path) -> None:
    """Placeholders, nested keyword arguments of providers, keys of somebody's own."""
    keys, report = read(
        tmp_path,
        {
            "POOL": "azslurmv2dev",
            "REQUIRED": "false",
            "RUN_DIR": "__POOLWORKDIR__/pw/jobs/__job_number__",
            "CONDA_DIR": "__POOLWORKDIR__/pw/miniconda",
            "SlurmProvider": {"partition": "gpu", "nodes_per_block": 2, "launcher": "x"},
            "PROVIDER_TYPE": "SLURM",
            "LOAD_PYTORCH": "module load pytorch",
            "WALLTIME": "soon",
            "nodes": 3,
        },
    )
    assert keys["a"] == {
        "cluster": "azslurmv2dev",
        "conda_dir": "~/pw/miniconda",
        "partition": "gpu",
        "nodes": 2,
        "provider": "slurm",
    }
    words = {line.what.split("=")[0]: line.how for line in report.lines}
    assert "each run has a folder" in words["a.RUN_DIR"]
    assert "every cluster of a workflow is needed" in words["a.REQUIRED"]
    assert "only your own code reads" in words["a.LOAD_PYTORCH"]
    assert "only your own code reads" in words["a.SlurmProvider.launcher"]
    assert "is there already" in words["a.nodes"]
    assert "must be [DAYS-]" in words["a: walltime"]


def test_a_label_without_a_pool_is_left_out_in_words(tmp_path: Path) -> None:
    keys, report = read(tmp_path, {"NODES": 1})
    assert keys == {}
    assert "names no POOL" in report.lines[-1].how


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "[" * 100_000, "\x00"])
def test_what_is_no_such_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "executors.json"
    path.write_text(text)
    with pytest.raises(DefinitionError, match=r"executors\.json"):
        read_executors(path, Report("executors.json"))
