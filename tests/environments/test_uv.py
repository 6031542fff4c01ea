"""Kind `uv`: a spec is locked once in the workspace, and its wheels come to the cluster."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from environments.index_server import Index, make_wheel, stand_in_for_parsl
from towline.environments import EnvironmentRequest, LockStore, preflight, realise
from towline.environments.differences import contents_of, from_lock
from towline.environments.realise import plan_of
from towline.errors import (
    CopyFailed,
    DefinitionError,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
    ReachError,
    TowlineError,
)

PARSL = version("parsl")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Locks and archives of each test are its own."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "workspace"))


@pytest.fixture
def spec(tmp_path):
    """Return what writes a spec and gives the request for it."""

    def write(text: str, name: str = "requirements.txt", **keys: object) -> EnvironmentRequest:
        path = tmp_path / "workflow" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return EnvironmentRequest(kind="uv", spec=str(path), **keys)

    return write


def bring(request, machine, **keys):
    return realise(request, machine, machine.facts(), cluster="onprem", **keys)


def said_there(machine, environment, code: str) -> str:
    script = f"{environment.activation}\n{environment.python} -c {code!r}\n"
    answer = machine.run(script)
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout.strip()


def lock_of(environment, machine):
    record = json.loads(machine.inside(f"{environment.prefix}/lock.json").read_text())
    return LockStore().load(record["request"])


def test_what_is_required_can_be_imported_there_and_its_commands_run(machine, index, spec):
    """Also where the environment's folder is not on PATH."""
    make_wheel(
        index.folder,
        "tool",
        files={"tool.py": "import parsl\ndef main(): print('parsl', parsl.__version__)\n"},
        commands={"run-tool": "tool:main"},
    )
    environment = bring(spec("tool\n"), machine)
    assert said_there(machine, environment, "import tool; print(tool.__name__)") == "tool"
    answer = machine.run(f"{environment.prefix}/bin/run-tool")
    assert answer.stdout == f"parsl {PARSL}\n"
    report = preflight(environment, machine, cluster="onprem", executor="cpu")
    assert report.worker.parsl == PARSL


def test_a_second_run_asks_neither_the_index_nor_for_a_push(machine, index, spec):
    request = spec("")
    first = bring(request, machine)
    index.asked.clear()
    pushes = machine.pushes
    assert bring(request, machine).prefix == first.prefix
    assert (index.asked, machine.pushes) == ([], pushes)


def test_a_lock_holds_until_somebody_asks_for_another(machine, index, spec):
    """A newer release changes nothing by itself; runs repeat."""
    make_wheel(index.folder, "lib", "1.0")
    old = bring(spec("lib\n"), machine)
    make_wheel(index.folder, "lib", "1.1")
    os.environ["UV_CACHE_DIR"] += "-fresh"  # uv remembers an index page for some minutes
    assert bring(spec("lib\n"), machine).key == old.key
    new = bring(spec("lib\n", update="relock"), machine)
    assert said_there(machine, new, "import lib; print(lib.version)") == "1.1"
    assert said_there(machine, old, "import lib; print(lib.version)") == "1.0"
    assert bring(spec("lib\n"), machine).key == new.key


def test_what_may_not_be_locked_now_must_have_been_locked_before(machine, index, spec):
    with pytest.raises(DefinitionError, match="has no lock for Python") as raised:
        bring(spec("", update="never"), machine)
    assert "towline env lock" in raised.value.next_step
    made = bring(spec(""), machine)
    assert bring(spec("", update="never"), machine).key == made.key


def test_a_lock_names_every_package_with_its_hash(machine, index, spec):
    make_wheel(index.folder, "Some_Lib", "2.0", needs=("other",))
    make_wheel(index.folder, "other", "3.0")
    lock = lock_of(bring(spec("some-lib\n"), machine), machine)
    assert [line.split()[0] for line in lock.lines] == [
        "other==3.0",
        f"parsl=={PARSL}",
        "some-lib==2.0",
    ]
    assert all(" sha256:" in line for line in lock.lines)
    assert lock.sources == (spec("some-lib\n").spec,)


def test_a_wheel_that_is_not_the_locked_one_is_refused(machine, index, spec):
    """Somebody has put another file under the same name on the index."""
    make_wheel(index.folder, "lib")
    request = spec("lib\n")
    store = LockStore()
    bring(request, machine)
    (lock,) = store.all()
    machine.run("rm -rf .towline")
    for archive in Path(os.environ["TOWLINE_HOME"]).glob("cache/environments/packages-*"):
        archive.unlink()
    os.environ["UV_CACHE_DIR"] += "-fresh"
    make_wheel(index.folder, "lib", files={"lib.py": "evil = True\n"})
    with pytest.raises(EnvironmentBuildFailed, match=r"(?s)[Hh]ash mismatch.*lib"):
        bring(request, machine)
    assert list(store.all()) == [lock]


def test_a_script_says_itself_what_it_needs(machine, index, spec):
    make_wheel(index.folder, "lib")
    text = '# /// script\n# requires-python = ">=3.10"\n# dependencies = ["lib"]\n# ///\n'
    one = bring(spec(f"{text}print(1)\n", "flow.py"), machine)
    assert said_there(machine, one, "import lib; print(lib.version)") == "1.0"
    assert bring(spec(f"{text}print(2)\n", "flow.py"), machine).key == one.key


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


def test_modules_beside_the_script_go_along(machine, index, spec, tmp_path):
    (tmp_path / "helpers.py").write_text("answer = 42\n")
    environment = bring(spec("", include=(str(tmp_path / "helpers.py"),)), machine)
    assert said_there(machine, environment, "import helpers; print(helpers.answer)") == "42"


# -- what goes wrong: in words, and before anything reaches the cluster ---------------------------


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (
            "absent-package\n",
            EnvironmentBuildFailed,
            "absent-package",
        ),
        ("source-only\n", EnvironmentBuildFailed, "no wheel for Python .*source-only"),
        ("compiled\n", EnvironmentBuildFailed, "no wheel for Python .*compiled"),
        ("parsl==2024.1.1\n", EnvironmentMismatch, f"asks for parsl==2024.1.1.*runs Parsl {PARSL}"),
        ("parsl<2025\n", EnvironmentMismatch, "Both must be exactly equal"),
        ("old-parsl\n", EnvironmentBuildFailed, "versions of old-parsl depend on parsl==2024"),
        ("lib ==\n", EnvironmentBuildFailed, "cannot be locked"),
    ],
)
def test_a_wrong_requirement_is_named_and_nothing_reaches_the_cluster(
    machine, index, spec, text, error, words
):
    (index.folder / "source-only-1.0.tar.gz").write_bytes(b"")
    make_wheel(index.folder, "compiled", tag="cp39-cp39-manylinux_2_17_x86_64")
    make_wheel(index.folder, "old-parsl", needs=("parsl==2024.1.1",))
    with pytest.raises(error, match=f"(?s){words}") as raised:
        bring(spec(text), machine)
    assert "Nothing was submitted" in raised.value.cause
    assert (machine.runs, machine.pushes) == (0, 0)
    assert not list(LockStore().all())


def test_another_python_is_refused_in_words(machine, index, spec):
    header = '# /// script\n# requires-python = ">=3.99"\n# dependencies = []\n# ///\n'
    with pytest.raises(EnvironmentMismatch) as raised:
        bring(spec(header, "flow.py"), machine)
    assert "requires Python >=3.99, but this script runs" in raised.value.cause
    assert "cannot cross minor versions" in raised.value.cause
    with pytest.raises(EnvironmentMismatch, match=r"python 3\.99 is asked for"):
        bring(spec("", python="3.99"), machine)
    assert machine.runs == 0


def test_a_spec_that_must_name_parsl_and_does_not_is_refused(machine, index, spec):
    make_wheel(index.folder, "lib")
    with pytest.raises(EnvironmentMismatch, match="has no Parsl, and env_parsl is require"):
        bring(spec("lib\n", parsl="require"), machine)
    environment = bring(spec(f"lib\nparsl=={PARSL}\n", parsl="require"), machine)
    assert environment.checked is not None and environment.checked.parsl == PARSL


def test_without_uv_the_error_says_how_to_install_it(machine, index, spec, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentBuildFailed, match="needs the program uv") as raised:
        bring(spec(""), machine)
    assert raised.value.next_step == "python -m pip install 'towline[uv]'"


def test_an_index_that_is_down_stops_nobody_who_has_lock_and_archive(machine, index, spec):
    make_wheel(index.folder, "lib")
    request = spec("lib\n")
    bring(request, machine)
    machine.run("rm -rf .towline")
    (index.folder / "lib-1.0-py3-none-any.whl").unlink()
    os.environ["UV_CACHE_DIR"] += "-fresh"
    environment = bring(request, machine)
    assert said_there(machine, environment, "import lib; print(lib.version)") == "1.0"


def test_four_that_bring_the_same_at_once_all_get_it(machine, index, spec):
    request = spec("")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: bring(request, machine), range(4)))
    assert len({environment.prefix for environment in made}) == 1
    left = machine.run("ls -A .towline/envs").stdout.split()
    assert len(left) == 2 and not [name for name in left if ".tmp." in name]


def test_a_push_that_is_cut_in_its_middle_leaves_nothing_and_can_be_repeated(machine, index, spec):
    request = spec("")
    login = machine.argv
    machine.argv = lambda command: [
        "sh",
        "-c",
        'head -c 3000 | "$@"; exit 255',
        "-",
        *login(command),
    ]
    with pytest.raises((ReachError, CopyFailed)):
        bring(request, machine)
    assert machine.run("ls -A .towline/envs").stdout == ""
    machine.argv = login
    bring(request, machine)


# -- private indexes ------------------------------------------------------------------------------

SECRET = "hunter2-0123456789"  # noqa: S105 - of an index of the test's own


@pytest.fixture(params=["url", "variables", "netrc", "pip"])
def private(request, tmp_path, index, monkeypatch):
    """Serve an index with a password, which uv gets in one of four ways."""
    folder = tmp_path / "private"
    folder.mkdir()
    make_wheel(folder, "inner")
    stand_in_for_parsl(folder)
    with Index(folder, user="me", password=SECRET) as serving:
        monkeypatch.setenv("HOME", str(tmp_path))
        if request.param == "url":
            monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url_with_password)
        elif request.param == "variables":
            monkeypatch.setenv("UV_DEFAULT_INDEX", f"inner={serving.url}")
            monkeypatch.setenv("UV_INDEX_INNER_USERNAME", "me")
            monkeypatch.setenv("UV_INDEX_INNER_PASSWORD", SECRET)
        elif request.param == "netrc":
            monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url)
            netrc = tmp_path / ".netrc"
            netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
            netrc.chmod(0o600)
            monkeypatch.setenv("NETRC", str(netrc))
        else:
            monkeypatch.delenv("UV_DEFAULT_INDEX")
            monkeypatch.delenv("PIP_CONFIG_FILE")
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
            conf = tmp_path / "config/pip/pip.conf"
            conf.parent.mkdir(parents=True)
            conf.write_text(f"[global]\nindex-url = {serving.url_with_password}\n")
        yield serving


def files_with(secret: str, *folders: Path) -> list[str]:
    answer = subprocess.run(
        ["grep", "-rlaF", secret, *map(str, folders)], capture_output=True, text=True
    )
    return answer.stdout.split()


def test_the_password_of_an_index_stays_in_the_workspace(machine, private, spec, tmp_path):
    """Asked of the files on both sides, of what is reported, and of the command lines."""
    reported: list[object] = []
    command_lines: list[str] = []

    def report(event: str, **facts: object) -> None:
        reported.append((event, facts))
        listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True)
        command_lines.append(listing.stdout)

    environment = bring(spec("inner\n"), machine, report=report)
    assert said_there(machine, environment, "import inner; print(inner.version)") == "1.0"
    assert private.refused or private.asked
    assert SECRET not in repr(reported) + repr(environment) + "".join(command_lines)
    home = Path(os.environ["TOWLINE_HOME"])
    assert files_with(SECRET, machine.home, home / "state") == []
    archives = list(home.glob("cache/environments/*.tar.gz"))
    unpacked = [subprocess.run(["gzip", "-dc", a], capture_output=True).stdout for a in archives]
    assert archives and not any(SECRET.encode() in text for text in unpacked)


def test_a_wrong_password_is_told_without_the_password(machine, index, spec, tmp_path, monkeypatch):
    folder = tmp_path / "private"
    folder.mkdir()
    with Index(folder, user="me", password=SECRET[::-1]) as serving:
        url = serving.url.replace("://", f"://me:{SECRET}@")
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        with pytest.raises(TowlineError) as raised:
            bring(spec("inner\n"), machine)
    assert SECRET not in str(raised.value)
    assert serving.refused
