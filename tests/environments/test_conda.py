"""Conda environments, solved here from a channel of the tests' own and used on another machine."""

from __future__ import annotations

import json
import platform
from datetime import datetime
from pathlib import Path

import parsl
import pytest

from environments.conda_channel import MINOR
from environments.index_server import make_wheel
from towline.environments import EnvironmentRequest, preflight, realise
from towline.environments.differences import contents_of, from_lock
from towline.environments.locks import LockStore
from towline.environments.realise import plan_of

MINE = """\
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("mine.py", open("mine.py").read())
        wheel.writestr("mine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n")
        wheel.writestr("mine-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.0.dist-info/entry_points.txt", "[console_scripts]\\nmine = mine:main\\n")
        wheel.writestr("mine-1.0.dist-info/RECORD", "")
    return name
"""  # noqa: E501 - a package's build back end, which needs no index


@pytest.fixture
def told():
    """Collect what is reported."""

    class Told(list):
        def __call__(self, event, **facts):
            self.append((event, facts))

        def states(self):
            return [facts["state"] for event, facts in self if event == "environment"]

        def texts(self, kind):
            return [facts["text"] for event, facts in self if event == kind]

    return Told()


@pytest.fixture(scope="module")
def ready(tmp_path_factory, a_machine, channel):
    """Return a machine, an environment there with a bit of everything, and what asked for it."""
    folder = tmp_path_factory.mktemp("conda")
    machine = a_machine(folder)
    _write_package(folder / "mine")
    make_wheel(folder, "small", "3.0", commands={"small": "small:main"})
    path = folder / "environment.yml"
    path.write_text(
        f"channels: ['{channel.folder}']\n"
        "dependencies:\n  - app\n  - scripts\n  - pip:\n    - ./small-3.0-py3-none-any.whl\n"
        "    - -e mine\n"
        "variables: {GREETING: 'good day'}\n"
    )
    (folder / "helpers.py").write_text("answer = 42\n")
    include = (str(folder / "helpers.py"),)
    request = EnvironmentRequest(kind="conda", spec=str(path), include=include)
    return machine, realise(request, machine, machine.facts()), request


def _write_package(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.py").write_text("def main(): print('mine runs')\n")
    (folder / "back_end.py").write_text(MINE)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "back_end"\nbackend-path = ["."]\n'
        '[project]\nname = "mine"\nversion = "1.0"\n'
    )


def on(machine, environment, script):
    """Run sh text as a block's job does."""
    answer = machine.run(f"{environment.activation}\n{script}\n")
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout.strip()


def test_workers_get_the_scripts_python_and_parsl_from_the_channel(ready):
    machine, environment, _ = ready
    passed = preflight(environment, machine, cluster="here", executor="x")
    assert passed.worker.parsl == parsl.__version__
    assert passed.worker.version == platform.python_version()
    assert passed.worker.prefix == environment.prefix


def test_the_solver_keeps_what_packages_ask_of_each_other(ready):
    """Of two versions the older is taken, as `app` needs it."""
    machine, environment, _ = ready
    assert on(machine, environment, "python -c 'import greeting; print(greeting.version)'") == "1.0"


def test_files_and_commands_name_the_place_where_they_lie_now(ready):
    machine, environment, _ = ready
    assert on(machine, environment, "where") == environment.prefix
    assert f"home = {environment.prefix}\n" in Path(environment.prefix, "etc/app.conf").read_text()


def test_the_pip_section_is_there_with_its_commands(ready):
    """An editable package is installed, not linked: its folder is not on the cluster."""
    machine, environment, _ = ready
    assert on(machine, environment, "mine") == "mine runs"
    assert on(machine, environment, "python -c 'import small; print(small.version)'") == "3.0"


def test_scripts_and_variables_of_the_environment_are_active(ready):
    machine, environment, _ = ready
    shown = on(machine, environment, 'echo "$ACTIVATED $GREETING $CONDA_PREFIX"')
    assert shown == f"yes good day {environment.prefix}"


def test_nothing_in_it_tells_of_the_workspace(ready, workspace_home):
    """No path of the workspace, but the channel's, which was given as one."""
    _, environment, request = ready
    folder = Path(request.spec).parent
    for path in Path(environment.prefix).rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert str(workspace_home).encode() not in content, path
            if path.name != "lock.json":
                assert f"{folder}/mine".encode() not in content, path


def test_the_lock_lists_every_package_exactly(ready):
    _, environment, request = ready
    record = json.loads(Path(environment.prefix, "lock.json").read_text())
    lock = LockStore().load(record["request"])
    assert lock is not None
    assert lock.kind == "conda"
    assert lock.sources == (request.spec,)
    assert isinstance(lock.made, datetime)
    assert lock.made.tzinfo is not None
    names = [line.partition("=")[0] for line in lock.lines]
    assert {"python", "parsl", "app", "greeting", "pip:mine", "pip:small"} <= set(names)
    assert names == sorted(names)
    assert all(" sha256:" in line for line in lock.lines if not line.startswith("pip:"))
    pins = {pin["name"]: pin["version"] for pin in record["packages"]}
    assert pins["parsl"] == parsl.__version__


def test_what_is_there_costs_one_round_trip(ready, told):
    machine, environment, request = ready
    preflight(environment, machine, cluster="here", executor="x")
    machine.runs = machine.pushes = 0
    again = realise(request, machine, machine.facts(), report=told)
    passed = preflight(again, machine, cluster="here", executor="x")
    assert again.key == environment.key
    assert (machine.runs, machine.pushes) == (1, 0)
    assert passed.remembered
    assert told.states() == ["planning", "planned", "ready"]


def test_modules_of_the_users_own_go_along(ready):
    machine, environment, _ = ready
    assert on(machine, environment, "python -c 'import helpers; print(helpers.answer)'") == "42"


def test_progress_is_told_and_so_is_what_was_decided(environment_file, machine, told, monkeypatch):
    """With a new cache, so that all is downloaded once more."""
    monkeypatch.setenv("TOWLINE_HOME", str(machine.home / "workspace"))
    linked = Path("/tmp/linked-by-a-script")
    linked.unlink(missing_ok=True)
    realise(environment_file("linker"), machine, machine.facts(), report=told)
    states = list(dict.fromkeys(told.states()))
    assert states[:4] == ["planning", "solving", "planned", "building"]
    assert states[-3:] == ["built", "pushing", "ready"]
    downloading = [f for _, f in told if f.get("state") == "downloading"]
    assert downloading[0]["total"] > 10_000_000
    assert any("is added, as the script has it" in text for text in told.texts("note"))
    assert "linker has a post-link script, which is not run" in told.texts("warning")
    assert not linked.exists()


def test_it_works_where_there_is_no_python(environment_file, bare):
    """The interpreter comes from the channel."""
    environment = realise(environment_file("app"), bare, bare.facts())
    assert preflight(environment, bare, cluster="bare", executor="x").worker.parsl
    assert on(bare, environment, "where") == environment.prefix


class TestName:
    """``CONDA_DIR/envs/CONDA_ENV`` leads to the environment, unless it is the user's own."""

    @pytest.fixture
    def envs(self, tmp_path):
        folder = tmp_path / "miniconda3/envs"
        folder.mkdir(parents=True)
        return folder

    @pytest.fixture
    def have(self, ready, tmp_path, told):
        machine, environment, request = ready
        keys = {"conda_env": "science", "conda_dir": f"{tmp_path}/miniconda3"}

        def again():
            realise(request.model_copy(update=keys), machine, machine.facts(), report=told)
            return environment

        return again

    def test_the_name_leads_to_it(self, have, envs):
        assert have().prefix == str((envs / "science").readlink())

    def test_a_name_of_ours_moves_on_with_the_file(self, have, envs, ready):
        (envs / "science").symlink_to(f"{ready[0].home}/.towline/envs/conda-{MINOR}-0123")
        assert have().prefix == str((envs / "science").readlink())

    def test_a_real_folder_stays_and_is_said(self, have, envs, told):
        (envs / "science/bin").mkdir(parents=True)
        have()
        assert not (envs / "science").is_symlink()
        (warning,) = told.texts("warning")
        assert f"{envs}/science is not from Towline and stays as it is" in warning

    def test_a_foreign_link_stays(self, have, envs):
        (envs / "science").symlink_to("/somewhere/else")
        have()
        assert str((envs / "science").readlink()) == "/somewhere/else"

    def test_no_conda_there_is_no_reason_to_make_its_folder(self, have, tmp_path):
        """Its installer refuses a folder that exists."""
        have()
        assert not (tmp_path / "miniconda3").exists()


def test_what_is_there_is_what_was_locked_until_somebody_edits_it(ready):
    """Compared by conda's own records, so that what is no Python package counts, too."""
    machine, environment, request = ready

    def found():
        plan = plan_of(request, machine.facts(), "onprem")
        contents = contents_of(plan, request, machine, machine.facts(), "onprem")
        return {each.package: each for each in from_lock(plan.lock, contents)}

    assert found() == {}
    prefix = machine.inside(environment.prefix)
    (module,) = prefix.glob("lib/python*/site-packages/parsl/version.py")
    record = next(prefix.glob("conda-meta/python-3*.json"))
    text = module.read_text()
    module.write_text(f"{text}edited = True\n")
    record.rename(record.with_suffix(".gone"))
    try:
        edited = found()
    finally:
        module.write_text(text)
        record.with_suffix(".gone").rename(record)
    assert set(edited) == {"parsl", "python"}
    assert edited["python"].after == ""
    assert edited["parsl"].files[0].endswith("parsl/version.py")
