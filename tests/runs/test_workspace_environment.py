"""A run whose executors file has a WORKSPACE block: its script stands on that environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments.conda_channel import CondaChannel
from environments.index_server import Index, make_wheel, needed_by, wheel_of_installed

from towline.runs import loading
from towline.runs.workspace import notes_on, python_for

SCRIPT = """\
import sys
import only_there
import parsl
import towline

@parsl.python_app(executors=["here"])
def where():
    import sys
    import only_there
    return sys.prefix, only_there.version

if __name__ == "__main__":
    with towline.load():
        prefix, version = where().result()
    print(version, prefix == sys.prefix, "towline" in towline.__file__.rpartition(prefix)[2])
"""

CONDA_SCRIPT = """\
import os
import sys
import greeting
import parsl
import rattler
import towline

@parsl.python_app(executors=["here"])
def where():
    import sys
    import greeting
    return f"{greeting.version} {sys.prefix}"

if __name__ == "__main__":
    print(sys.prefix)
    print(greeting.version, os.environ["GOOD"], os.environ["ACTIVATED"])
    own = [sys.prefix in module.__file__ for module in (parsl, rattler)]
    print(*own, os.environ["PATH"].startswith(f"{sys.prefix}/bin:"))
    with towline.load():
        print(where().result())
"""


@pytest.fixture
def workflow(tmp_path: Path, parsl_index: Index) -> Path:
    """Write a workflow whose script needs a package that the tests' own Python has not."""
    for name in needed_by("towline") - needed_by("parsl") - {"towline"}:
        wheel_of_installed(parsl_index.folder, name)
    make_wheel(parsl_index.folder, "backports.tarfile", "1.2")  # for the first releases of 3.11
    make_wheel(parsl_index.folder, "only-there")
    (tmp_path / "workspace.txt").write_text("only-there\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    write(tmp_path, {"ENV_SPEC": "workspace.txt"})
    return tmp_path


def write(folder: Path, block: dict[str, object], **more: object) -> None:
    keys = {"WORKSPACE": block, "here": {"cluster": "local"}, **more}
    (folder / "executors.json").write_text(json.dumps(keys))


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``towline run script.py`` in the folder, as a shell would."""
    return subprocess.run(
        [sys.executable, "-c", "from towline.cli.main import main; main()", "run", "script.py"],
        cwd=folder,
        env=os.environ | {"TOWLINE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_script_and_local_workers_run_on_the_workspaces_own_environment(
    workflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsl and Towline are brought into it; a second start finds it made."""
    done = run_script(workflow)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.0 True True\n"
    monkeypatch.setenv("TOWLINE_HOME", str(workflow / "home"))
    told: list[dict[str, object]] = []

    def start() -> str | None:
        return python_for(workflow / "script.py", None, lambda _, **facts: told.append(facts))

    python = start()  # makes it anew where somebody has edited Towline's own source since
    assert start() == python
    assert told[-1]["pushed"] is False


def test_the_script_runs_on_an_activated_conda_environment(
    workflow: Path, channel: CondaChannel
) -> None:
    """Python, Parsl and a package come from the channel, what Towline needs from the index."""
    wheel_of_installed(workflow / "index", "py-rattler")
    (workflow / "environment.yml").write_text(
        f"channels: ['{channel.folder}']\n"
        "dependencies: [greeting, scripts]\n"
        "variables: {GOOD: 'good day'}\n"
    )
    (workflow / "script.py").write_text(CONDA_SCRIPT)
    write(workflow, {"ENV_SPEC": "environment.yml"})
    done = run_script(workflow)
    assert done.returncode == 0, done.stderr
    prefix, *said = done.stdout.splitlines()
    assert said == ["2.0 good day yes", "True True True", f"2.0 {prefix}"]
    assert prefix.startswith(str(workflow / "home/cache/workspace/envs/conda-"))
    assert not list((workflow / "home").rglob("*.tmp.*"))


def test_a_conda_file_for_another_python_starts_nothing(
    tmp_path: Path, channel: CondaChannel
) -> None:
    (tmp_path / "script.py").write_text("raise SystemExit('started')\n")
    (tmp_path / "environment.yml").write_text(
        f"channels: ['{channel.folder}']\ndependencies: [python=2.7]\n"
    )
    write(tmp_path, {"INSTALL_CONDA": True, "LOCAL_CONDA_YAML": "environment.yml"})
    done = run_script(tmp_path)
    assert done.returncode == 5
    assert "the script would run the Python of" in done.stderr
    assert "or start Towline with that Python" in done.stderr
    assert not (tmp_path / "home/state/runs").exists()


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"ENV_SPEC": "absent.txt"}, "absent.txt: cannot be read"),
        ({"ENV_SPEC": "workspace.txt", "NODES": 2}, "WORKSPACE.nodes: is no key of an environment"),
        ({"ENV_SPCE": "workspace.txt"}, "did you mean"),
        ({"ENV_KIND": "existing", "PYTHON": "/usr/bin/python3"}, "cannot import Parsl and Towline"),
        ("workspace.txt", "must be a mapping"),
        ({"PACKAGES": ["parsl"]}, "on that the script runs anyway"),
        ({"CONTAINER_IMAGE": "x.sif"}, "give the same packages as env_spec"),
        ({"ENV_TRANSPORT": "proxy"}, "is for an environment that is made from env_spec"),
    ],
)
def test_a_wrong_block_starts_nothing(tmp_path: Path, block: object, words: str) -> None:
    (tmp_path / "script.py").write_text("raise SystemExit('started')\n")
    (tmp_path / "workspace.txt").write_text("")
    write(tmp_path, block)  # type: ignore[arg-type]
    done = run_script(tmp_path)
    assert done.returncode in (2, 5), done.stderr
    assert words in done.stderr
    assert not (tmp_path / "home/state/runs").exists()


def test_a_script_that_was_started_on_another_python_is_told(tmp_path: Path) -> None:
    """As in a notebook, which cannot change the Python that it runs on."""
    from towline.engine import load_executors

    (tmp_path / "workspace.txt").write_text("")
    write(tmp_path, {"ENV_SPEC": "workspace.txt"})
    (note,) = notes_on(load_executors(tmp_path / "executors.json"))
    assert "was not started on it; towline run starts it there" in note
    assert notes_on(load_executors({"here": {"cluster": "local"}})) == ()


def test_an_executor_cannot_be_called_as_the_block_and_a_file_needs_one(tmp_path: Path) -> None:
    from towline.engine import load_executors
    from towline.errors import DefinitionError

    with pytest.raises(DefinitionError, match="no executor beside WORKSPACE"):
        load_executors({"WORKSPACE": {"packages": ["parsl"]}})


def test_a_folder_with_a_space_in_its_name_will_do(tmp_path: Path) -> None:
    python = tmp_path / "my env/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    write(tmp_path, {"prefix": str(tmp_path / "my env")})
    assert python_for(tmp_path / "script.py", None) == str(python)


def test_who_starts_a_script_takes_the_same_file_as_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the script's folder, else that of the working folder."""
    monkeypatch.delenv("TOWLINE_RUN", raising=False)
    python = tmp_path / "env/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    beside, work = tmp_path / "beside", tmp_path / "work"
    for folder in (beside, work):
        folder.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(loading, "_script_folder", lambda: beside)
    write(work, {"prefix": str(tmp_path / "env")})
    assert python_for(beside / "script.py", None) == str(python)
    assert loading._file_beside_script() == work / "executors.json"
    (beside / "executors.yaml").write_text("here: {cluster: local}\n")
    assert python_for(beside / "script.py", None) is None
    assert loading._file_beside_script() == beside / "executors.yaml"
