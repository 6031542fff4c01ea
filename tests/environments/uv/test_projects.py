"""Projects and packages of the user's own go along, built anew at each edit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environments.index_server import make_wheel
from environments.uv.bringing import PARSL, bring, lock_of, said_there
from towline.environments import EnvironmentRequest
from towline.environments.differences import contents_of, from_lock
from towline.environments.realise import plan_of
from towline.errors import (
    DefinitionError,
    EnvironmentBuildFailed,
)

BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/mine-1-py3-none-any.whl", "w") as wheel:
        wheel.write("mine.py")
        about = "mine-1.dist-info/"
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n")
        wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(about + "RECORD", "")
    return "mine-1-py3-none-any.whl"
"""


@pytest.fixture
def project(index, spec, monkeypatch):
    """Return what writes a project with its uv.lock, locked by uv itself."""

    def write(*needs: str, more: str = "", lock: bool = True) -> EnvironmentRequest:
        listed = ", ".join(f'"{need}"' for need in needs)
        text = '[project]\nname="p"\nversion="0"\nrequires-python=">=3.10"\n'
        request = spec(f"{text}dependencies=[{listed}]\n{more}", "pyproject.toml")
        if lock:
            from towline.environments.uv.tool import run_uv

            done = run_uv(["lock"], folder=Path(request.spec).parent)
            assert done.returncode == 0, done.stderr
        return request

    return write


def test_a_projects_own_lock_is_kept_and_parsl_added(machine, index, project):
    """uv.lock names 1.0; the newer 1.1 does not get in through the back door."""
    make_wheel(index.folder, "lib", "1.0")
    request = project("lib")
    make_wheel(index.folder, "lib", "1.1")
    os.environ["UV_CACHE_DIR"] += "-fresh"
    environment = bring(request, machine)
    lines = [line.split()[0] for line in lock_of(environment, machine).lines]
    assert lines == ["lib==1.0", f"parsl=={PARSL}"]


def test_a_stale_lock_of_a_project_is_said_with_the_command_that_mends_it(machine, index, project):
    make_wheel(index.folder, "lib")
    make_wheel(index.folder, "other")
    project("lib")
    with pytest.raises(DefinitionError, match=r"uv\.lock: does not fit its pyproject") as raised:
        bring(project("lib", "other", lock=False), machine)
    assert raised.value.next_step == "uv lock"
    assert machine.runs == 0


def write_package(folder: Path, *needs: str) -> Path:
    """Write a package of the user's own, with a build back end that asks no index."""
    folder.mkdir(exist_ok=True)
    system = '[build-system]\nrequires=[]\nbuild-backend="b"\nbackend-path=["."]\n'
    about = f'[project]\nname="mine"\nversion="1"\ndependencies={list(needs)}\n'
    (folder / "pyproject.toml").write_text(system + about)
    (folder / "b.py").write_text(BACKEND)
    (folder / "mine.py").write_text("edited = 0\n")
    return folder


@pytest.mark.parametrize("line", ["./mine", "-e ./mine"])
def test_a_package_of_the_users_own_is_built_and_an_edit_sends_only_that(
    machine, index, spec, line
):
    request = spec(f"{line}\n")
    mine = write_package(Path(request.spec).parent / "mine")
    first = bring(request, machine)
    assert said_there(machine, first, "import mine; print(mine.edited)") == "0"
    pushes = machine.pushes
    (mine / "mine.py").write_text("edited = 1\n")
    second = bring(request, machine)
    assert said_there(machine, second, "import mine; print(mine.edited)") == "1"
    assert machine.pushes == pushes + 1


def test_what_a_package_of_the_users_own_comes_to_need_is_brought(machine, index, spec):
    make_wheel(index.folder, "lib")
    request = spec("./mine\n")
    mine = Path(request.spec).parent / "mine"
    write_package(mine)
    bring(request, machine)
    write_package(mine, "lib")
    environment = bring(request, machine)
    assert said_there(machine, environment, "import mine, lib; print(lib.version)") == "1.0"


def test_an_environment_as_it_was_made_is_as_it_was_locked(machine, index, spec):
    """Also where a package was built from a folder, which the lock knows without a version."""
    make_wheel(index.folder, "lib", commands={"lib": "lib:main"})
    request = spec("./mine\nlib\n")
    write_package(Path(request.spec).parent / "mine")
    bring(request, machine)
    plan = plan_of(request, machine.facts(), "onprem")
    contents = contents_of(plan, request, machine, machine.facts(), "onprem")
    assert contents.packages == {"lib": "1.0", "mine": "1", "parsl": PARSL}
    assert from_lock(plan.lock, contents) == []


def test_only_what_the_spec_names_counts_as_asked_for(machine, index, spec):
    """A copy of such an environment (`sync`) takes what was asked for, and what that needs."""
    make_wheel(index.folder, "lib")
    make_wheel(index.folder, "app", needs=("lib",))
    bring(spec("app\n"), machine)
    marks = machine.home.glob(".towline/envs/packages-*/lib/python*/site-packages/*/REQUESTED")
    assert [mark.parent.name for mark in marks] == ["app-1.0.dist-info"]


@pytest.mark.parametrize("locked", [True, False])
def test_a_project_that_is_a_package_goes_along_itself(machine, index, tmp_path, locked):
    make_wheel(index.folder, "lib")
    project = write_package(tmp_path / "project", "lib")
    if locked:
        from towline.environments.uv.tool import run_uv

        assert run_uv(["lock"], folder=project).returncode == 0
    request = EnvironmentRequest(kind="uv", spec=str(project))
    environment = bring(request, machine)
    assert said_there(machine, environment, "import mine, lib; print(lib.version)") == "1.0"


def test_a_package_that_cannot_be_built_is_named(machine, index, spec):
    request = spec("./mine\n")
    mine = write_package(Path(request.spec).parent / "mine")
    (mine / "b.py").write_text("def build_wheel(*_): raise OSError('no compiler')\n")
    with pytest.raises(EnvironmentBuildFailed, match="package mine: no wheel can be built from"):
        bring(request, machine)
