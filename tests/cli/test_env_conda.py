"""``towline env lock``, ``diff`` and ``rebuild`` of kind conda, from a channel of the suite's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from environments.conda_channel import MINOR, CondaChannel

from towline.clusters import ClusterDefinition, ClusterStore

from .command import Towline


@pytest.fixture
def executors(home: Path, channel: CondaChannel) -> Path:
    """Define this machine as a cluster, and two executors with an environment.yml each."""
    ClusterStore().add(ClusterDefinition(name="here", type="local"))
    folder = home / "work flow"
    folder.mkdir()
    for label, packages in (("one", "greeting=1.0"), ("two", "greeting, scripts")):
        text = f"channels: ['{channel.folder}']\ndependencies: [{packages}]\n"
        (folder / f"{label}.yml").write_text(text)
    path = folder / "executors.json"
    keys = {label: {"POOL": "here", "ENV_SPEC": f"{label}.yml"} for label in ("one", "two")}
    path.write_text(json.dumps(keys))
    return path


def test_conda_locks_are_made_shown_renewed_and_compared(
    towline: Towline, executors: Path, channel: CondaChannel, tmp_path: Path
) -> None:
    """Nothing is built; a lock stays as it was though the channel has something newer."""
    shown = towline("env", "lock", str(executors))
    assert (shown.exit_code, shown.err) == (0, "")
    assert "one on here: conda, conda-" in shown.out
    assert "  greeting=1.0=test_0 " in shown.out and "  scripts=1.0=test_0 " in shown.out
    assert not (executors.parents[1] / ".towline/envs").exists()

    compared = towline("env", "diff", str(executors), "one", "--with", "two", "--json")
    assert compared.exit_code == 1
    found = {each["package"]: each for each in compared.data[0]["differences"]}
    assert set(found) == {"greeting", "scripts"}
    assert (found["greeting"]["before"], found["greeting"]["after"]) == (
        "1.0=test_0",
        "2.0=test_0",
    )

    def locked() -> tuple[str, list[str]]:
        (lock,) = towline("env", "lock", str(executors), "two", "--json").data
        return lock["request_id"], [line for line in lock["lines"] if "greeting" in line]

    before = locked()
    newer = CondaChannel(tmp_path / "newer")
    newer.add("greeting", "3.0", needs=(f"python {MINOR}.*",))
    newer.index()
    yml = executors.with_name("two.yml")
    yml.write_text(yml.read_text().replace("['", f"['{newer.folder}', '"))
    other, lines = locked()
    assert other != before[0] and "greeting=3.0" in lines[0]  # another request has another lock
    newer.add("greeting", "4.0", needs=(f"python {MINOR}.*",))
    newer.index()
    assert locked() == (other, lines)
    renewed = towline("env", "lock", str(executors), "two", "--relock", "--json").data[0]
    assert renewed["request_id"] == other
    assert any("greeting=4.0" in line for line in renewed["lines"])


def test_edits_of_a_conda_environment_are_found_and_mended(
    towline: Towline, executors: Path, home: Path
) -> None:
    """A package put in, one taken out, one changed; afterwards all is as locked."""
    absent = towline("env", "diff", str(executors), "one")
    assert absent.exit_code == 5 and "is not there yet" in absent.err
    built = towline("env", "rebuild", str(executors), "one", "--json")
    assert built.exit_code == 0, built.err
    key = built.data[0]["key"]
    assert towline("env", "diff", str(executors), "one").exit_code == 0

    prefix = home / ".towline/envs" / key
    site = prefix / f"lib/python{MINOR}/site-packages"
    about = site / "stranger-9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: stranger\nVersion: 9\n")
    (site / "greeting.py").write_text("version = 'by hand'\n")
    taken = next(prefix.glob("conda-meta/dill-*.json"))
    taken.unlink()
    (dist_info,) = site.glob("dill-*.dist-info")
    shutil.rmtree(dist_info)
    answer = towline("env", "diff", str(executors), "one", "--json")
    assert answer.exit_code == 1
    found = {each["package"]: each for each in answer.data[0]["differences"]}
    assert found["stranger"]["after"] == "9"
    assert found["greeting"]["files"] == [f"lib/python{MINOR}/site-packages/greeting.py"]

    assert found["dill"]["before"] and not found["dill"]["after"]

    again = towline("env", "rebuild", str(executors), "one", "--json")
    assert again.exit_code == 0 and again.data[0]["key"] == key
    assert towline("env", "diff", str(executors), "one").exit_code == 0
    assert not about.exists() and taken.exists()
    assert not list(home.glob(".towline/envs/*.tmp.*"))
