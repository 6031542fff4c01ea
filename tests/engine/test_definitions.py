"""Executor definitions: the talk's keys and ours, typed, and clear words for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from towline.engine.definitions import ExecutorDefinition, load_executors
from towline.errors import DefinitionError

TALK = {
    "myexecutor_1": {
        "POOL": "gcpslurm2",
        "RUN_DIR": "~/parsl-rundir",
        "NODES": "2",
        "PARTITION": "compute",
        "NTASKS_PER_NODE": "1",
        "WALLTIME": "08:00:00",
        "CONDA_ENV": "parsl-1.2",
        "CONDA_DIR": "~/miniconda3",
        "WORKER_LOGDIR_ROOT": "~/parsl-rundir",
        "SSH_CHANNEL_SCRIPT_DIR": "~/parsl-rundir",
        "CORES_PER_WORKER": "0.1",
        "INSTALL_CONDA": "true",
        "LOCAL_CONDA_YAML": "./requirements/conda_env_remote.yaml",
        "HOST_USER": "User.Demo",
        "WORKER_PORT_1": "50095",
        "WORKER_PORT_2": "50096",
        "HOST_IP": "34.70.213.231",
    }
}


def write(folder: Path, text: str, name: str = "executors.json") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_the_talks_file_loads_as_it_stands_in_either_case(tmp_path: Path, case: Any) -> None:
    """All 17 keys of the slide are understood; those without effect are noted, none refused."""
    talk = {"myexecutor_1": {case(key): value for key, value in TALK["myexecutor_1"].items()}}
    file = load_executors(write(tmp_path, json.dumps(talk)))
    executor = file.executors["myexecutor_1"]
    assert executor.cluster == "gcpslurm2"
    assert executor.nodes == 2
    assert executor.walltime_minutes == 480
    assert executor.cores_per_worker == 0.1
    assert executor.install_conda is True
    assert executor.conda_env == "parsl-1.2"
    assert executor.run_dir == "~/parsl-rundir"
    assert len(file.notes) == 6
    assert any("HOST_IP" in note.upper() for note in file.notes)


def test_the_talks_local_provider_means_the_controller() -> None:
    """PROVIDER_TYPE LOCAL ran workers on the head node."""
    file = load_executors({"a": {"POOL": "x", "PROVIDER_TYPE": "LOCAL"}})
    assert file.executors["a"].provider == "controller"


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    """YAML reads an unquoted walltime as a base-60 number; it is still a walltime."""
    path = write(tmp_path, "a:\n  cluster: onprem\n  walltime: 08:00:00\n", "executors.yaml")
    assert load_executors(path).executors["a"].walltime == "08:00:00"
    assert load_executors(path).executors["a"].walltime_minutes == 480


@pytest.mark.parametrize(
    ("text", "thing", "words"),
    [
        ('{"a": {"cluster": "x", "partion": "c"}}', "a.partion", "did you mean partition?"),
        ('{"a": {"POOL": "x", "CONDA_EVN": "c"}}', "a.CONDA_EVN", "did you mean CONDA_ENV?"),
        ('{"a": {"cluster": "x", "zzzzqq": 1}}', "a.zzzzqq", "unknown key"),
        ('{"a": {"partition": "c"}}', "a.cluster", "is needed"),
        ('{"a": {"cluster": "x", "POOL": "y"}}', "a", "twice"),
        ('{"a": {"cluster": "x", "cluster": "y"}}', "executors.json", "twice"),
        ('{"a": {"cluster": "x", "nodes": "two"}}', "a.nodes", "integer"),
        ('{"a": {"cluster": "x", "nodes": 0}}', "a.nodes", "greater than or equal to 1"),
        ('{"a": {"cluster": "x", "walltime": "8h"}}', "a.walltime", "HOURS:MINUTES:SECONDS"),
        ('{"a": {"cluster": "x", "partition": "a\\nb"}}', "a.partition", "one line"),
        ('{"a": {"cluster": "x", "scheduler_options": ["#SBATCH -x\\nid"]}}', "a", "directive"),
        ('{"a": {"cluster": "x", "min_blocks": 3}}', "a", "may not exceed"),
        ('{"a b": {"cluster": "x"}}', "a b", "a label is"),
        ('{"a": 3}', "a", "mapping"),
        ("[]", "executors.json", "must map"),
        ('{"a": {"cluster": "x",}}', "executors.json:1", "is not JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, thing: str, words: str) -> None:
    """Each mistake names file, label and key, and what to do."""
    with pytest.raises(DefinitionError) as caught:
        load_executors(write(tmp_path, text))
    assert thing in caught.value.thing
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_key_of_yaml_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    """PyYAML would silently take the last one; a merged default is no repetition."""
    text = "a:\n  cluster: onprem\n  nodes: 1\n  cluster: cloud\n"
    with pytest.raises(DefinitionError, match="'cluster' stands here a second time") as caught:
        load_executors(write(tmp_path, text, "executors.yaml"))
    assert caught.value.thing.endswith("executors.yaml:4")
    text = "a: &usual\n  cluster: onprem\n  nodes: 1\nb:\n  <<: *usual\n  nodes: 2\n"
    file = load_executors(write(tmp_path, text, "executors.yaml"))
    assert (file.executors["b"].cluster, file.executors["b"].nodes) == ("onprem", 2)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    with pytest.raises(DefinitionError, match=r"nowhere.json: cannot be read"):
        load_executors(tmp_path / "nowhere.json")


def test_the_command_line_overrides_the_cluster() -> None:
    """--cluster LABEL=NAME wins; a label that is not there is an error."""
    definitions = {"a": {"cluster": "x"}}
    assert load_executors(definitions, clusters={"a": "y"}).executors["a"].cluster == "y"
    with pytest.raises(DefinitionError, match="no such executor; executors has a"):
        load_executors(definitions, clusters={"b": "y"})


def test_every_key_is_described() -> None:
    """The reference page is made from the descriptions."""
    for name, field in ExecutorDefinition.model_fields.items():
        assert field.description, name


def test_a_file_that_is_not_there_is_said_with_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read: No such file") as raised:
        load_executors(tmp_path / "absent.json")
    assert raised.value.next_step == f"ls -l {tmp_path}/absent.json"
