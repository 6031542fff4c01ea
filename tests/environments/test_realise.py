"""Environments brought to a machine, used there, and found again."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from towline.environments import EnvironmentRequest, preflight, realise
from towline.errors import (
    DefinitionError,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
    InterpreterMissing,
)

MINOR = ".".join(platform.python_version_tuple()[:2])


ONLY_PARSL = EnvironmentRequest(packages=("parsl",))


def as_worker(machine, environment, code, **variables):
    """Run Python code the way a block's job does."""
    stray = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
    script = f"{stray}{environment.activation}\ncat >code.py <<'END'\n{code}\nEND\n"
    answer = machine.run(f"{script}'{environment.python}' code.py\n")
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout.strip()


@pytest.fixture(scope="module")
def ready(tmp_path_factory, a_machine):
    """Return a machine with an environment, for tests that only use it."""
    machine = a_machine(tmp_path_factory.mktemp("ready"))
    return machine, realise(ONLY_PARSL, machine, machine.facts())


@pytest.fixture
def events():
    """Collect what is reported."""

    class Events(list):
        def __call__(self, event, **facts):
            self.append((event, facts))

        def states(self):
            return [facts["state"] for event, facts in self if event == "environment"]

    return Events()


def test_a_new_environment_is_built_pushed_and_tried(machine, events):
    """Parsl's worker runs in it, with the script's own versions."""
    environment = realise(ONLY_PARSL, machine, machine.facts(), report=events)
    states = events.states()
    assert states[:2] == ["planning", "planned"]
    assert states[-1] == "ready"
    assert "pushing" in states
    shown = as_worker(
        machine,
        environment,
        "import sys, parsl, parsl.executors.high_throughput.process_worker_pool\n"
        "print(parsl.__version__, sys.prefix, sys.version_info[:2])",
    )
    import parsl

    minor = tuple(int(part) for part in MINOR.split("."))
    assert shown == f"{parsl.__version__} {environment.prefix} {minor}"
    there = sorted(path.name for path in Path(environment.prefix).parent.iterdir())
    assert there[1:] == [environment.key]
    assert there[0].startswith(f"packages-{MINOR}-")


def test_progress_ends_at_the_archives_size(machine, events):
    realise(ONLY_PARSL, machine, machine.facts(), report=events)
    pushing = [facts for _, facts in events if facts["state"] == "pushing"]
    ends = {facts["key"]: facts for facts in pushing}.values()
    assert all(facts["done"] == facts["total"] for facts in ends)
    assert max(facts["total"] for facts in ends) > 1_000_000


def test_what_is_there_costs_one_round_trip_and_no_python(ready, events):
    machine, _ = ready
    machine.runs = machine.pushes = 0
    environment = realise(ONLY_PARSL, machine, machine.facts(), report=events)
    report = preflight(environment, machine, cluster="here", executor="x", report=events)
    assert (machine.runs, machine.pushes) == (1, 0)
    assert report.remembered
    assert report.worker.executable == environment.python


def test_modules_of_the_first_import_are_compiled_already(ready):
    """Nodes import at once; none of them has to write byte-code into a shared folder."""
    machine, environment = ready
    (packages,) = Path(environment.prefix).parent.glob("packages-*")
    parsl_folder = packages / f"lib/python{MINOR}/site-packages/parsl"
    code = "import parsl.executors.high_throughput.process_worker_pool"
    before = {path: path.stat().st_mtime_ns for path in parsl_folder.rglob("*.pyc")}
    as_worker(machine, environment, code)
    assert {path: path.stat().st_mtime_ns for path in parsl_folder.rglob("*.pyc")} == before
    assert len(before) > 50


def test_strays_of_the_user_do_not_reach_the_workers(ready):
    """Neither a PYTHONPATH nor a Parsl in the user's site folder beats the environment's own."""
    machine, environment = ready
    for folder in ("stray/parsl", f".local/lib/python{MINOR}/site-packages/parsl"):
        (machine.home / folder).mkdir(parents=True)
        (machine.home / folder / "__init__.py").write_text("raise SystemExit('the wrong Parsl')")
    shown = as_worker(
        machine,
        environment,
        "import parsl; print(parsl.__file__)",
        PYTHONPATH=f"{machine.home}/stray",
        PYTHONHOME="/nowhere",
    )
    assert shown.startswith(f"{machine.home}/.towline/envs/packages-")


def test_commands_of_packages_run_there(ready):
    """They are on the job's PATH and start the environment's Python."""
    machine, environment = ready
    answer = machine.run(f"{environment.activation}\nnormalizer --version\n")
    assert "Charset-Normalizer" in answer.stdout, answer.stderr
    answer = machine.run(f"{environment.activation}\nprocess_worker_pool.py --help\n")
    assert "--cert_dir" in answer.stdout, answer.stderr


def test_the_lock_says_what_it_is_made_of(ready):
    _, environment = ready
    lock = json.loads(Path(environment.prefix, "lock.json").read_text())
    pins = {pin["name"]: pin for pin in lock["packages"]}
    assert {"parsl", "dill", "pyzmq"} <= pins.keys()
    assert len(pins["parsl"]["sha256"]) == 64
    assert (lock["kind"], lock["python"]) == ("sync", MINOR)


@pytest.fixture
def mine(site, tmp_path):
    """Install an editable package of the user's, with a command."""
    source = tmp_path / "project/src/mine"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("answer = 41\n")
    (source / "cli.py").write_text("def main(): print('mine', __import__('mine').answer)\n")
    about = {"url": (tmp_path / "project").as_uri(), "dir_info": {"editable": True}}
    site.add(
        "mine",
        files={"_mine.pth": f"{tmp_path}/project/src\n"},
        metadata={
            "direct_url.json": json.dumps(about),
            "entry_points.txt": "[console_scripts]\nmine = mine.cli:main\n",
            "REQUESTED": "",
        },
    )
    return source


WITH_MINE = EnvironmentRequest(packages=("parsl", "mine"))


def test_an_edited_package_is_a_new_environment_and_the_old_one_stays(machine, mine, events):
    """A run that started before the edit goes on with what it started with."""
    old = realise(WITH_MINE, machine, machine.facts())
    (mine / "__init__.py").write_text("answer = 42\n")
    new = realise(WITH_MINE, machine, machine.facts(), report=events)
    sent = [facts["total"] for _, facts in events if facts["state"] == "pushing"]
    assert max(sent) < 100_000, "an edit does not send all packages again"
    code = "import mine, importlib.metadata as m; print(mine.answer, m.version('mine'))"
    assert as_worker(machine, old, code) == "41 1.0"
    assert as_worker(machine, new, code) == "42 1.0"
    answer = machine.run(f"{new.activation}\nmine\n")
    assert answer.stdout == "mine 42\n"


def test_a_file_that_is_new_in_an_editable_package_is_seen(machine, mine):
    first = realise(WITH_MINE, machine, machine.facts())
    (mine / "later.py").write_text("")
    assert realise(WITH_MINE, machine, machine.facts()).key != first.key


def test_two_users_builds_of_the_same_packages_share_one_archive(machine, tmp_path):
    """One build serves clusters that differ in home, interpreter and whatever else."""
    realise(ONLY_PARSL, machine, machine.facts())
    archives = sorted(_archives())
    other = type(machine)(tmp_path / "other-home")
    other.home.mkdir()
    ((version, python),) = machine.facts().pythons.items()
    (tmp_path / "python-elsewhere").symlink_to(python)
    facts = other.facts(pythons={version: str(tmp_path / "python-elsewhere")})
    realise(ONLY_PARSL, other, facts)
    assert sorted(_archives()) == archives


def test_a_module_beside_the_script_goes_along_when_asked_for(machine, tmp_path):
    """Functions of an imported module are sent by name: workers must have the module."""
    (tmp_path / "helpers.py").write_text("def half(x): return x / 2\n")
    (tmp_path / "lib/deep").mkdir(parents=True)
    (tmp_path / "lib/deep/table.txt").write_text("42")
    paths = (f"{tmp_path}/helpers.py", f"{tmp_path}/lib")
    request = EnvironmentRequest(packages=("parsl",), include=paths)
    environment = realise(request, machine, machine.facts())
    code = "import helpers, lib, pathlib; print(helpers.half(2), *lib.__path__)"
    said, place = as_worker(machine, environment, code).split()
    assert said == "1.0"
    assert Path(place, "deep/table.txt").read_text() == "42"
    (tmp_path / "helpers.py").write_text("def half(x): return x // 2\n")
    assert realise(request, machine, machine.facts()).key != environment.key


def test_what_is_to_be_included_must_be_there(machine):
    request = EnvironmentRequest(packages=("parsl",), include=("nowhere.py",))
    with pytest.raises(DefinitionError, match=r"nowhere\.py is not there"):
        realise(request, machine, machine.facts())


def _archives():
    folder = Path(os.environ["TOWLINE_HOME"], "cache/environments")
    return [path.name for path in folder.glob("*.tar.gz")]


def test_an_interpreter_that_was_replaced_is_tried_again(machine, tmp_path):
    """A system update must not leave workers on a Python that nobody has tried."""
    ((version, python),) = machine.facts().pythons.items()
    own = tmp_path / "own-python/bin"
    own.mkdir(parents=True)
    _wrapper(own / "python3", python)
    facts = machine.facts(pythons={version: str(own / "python3")})
    environment = realise(ONLY_PARSL, machine, facts)
    linked = Path(environment.prefix, "bin/python")
    linked.unlink()
    _wrapper(linked, python)
    changed = realise(ONLY_PARSL, machine, facts)
    assert changed.checked is None
    # The system's Python has no Parsl of the script's version, and no environment around it.
    with pytest.raises(EnvironmentMismatch, match="Nothing was submitted"):
        preflight(changed, machine, cluster="here", executor="x")


def _wrapper(path, python):
    path.write_text(f"#!/bin/sh\nexec '{python}' \"$@\"\n")
    path.chmod(0o755)


def test_facts_that_are_out_of_date_about_the_minor_are_found_out(machine, tmp_path):
    """The interpreter itself is asked before anything is switched in."""
    (tmp_path / "python3").write_text("#!/bin/sh\necho '@@3.6=/usr/bin/python3.6'\n")
    (tmp_path / "python3").chmod(0o755)
    facts = machine.facts(pythons={f"{MINOR}.0": str(tmp_path / "python3")})
    with pytest.raises(EnvironmentMismatch, match=r"turned out to be 3\.6") as raised:
        realise(ONLY_PARSL, machine, facts, cluster="onprem")
    assert raised.value.next_step == "towline cluster check onprem"
    assert not list((machine.home / ".towline/envs").glob("sync-*"))


def test_an_interpreter_that_does_not_start_is_quoted(machine, tmp_path):
    (tmp_path / "python3").write_text("#!/bin/sh\necho 'libpython missing' >&2\nexit 127\n")
    (tmp_path / "python3").chmod(0o755)
    facts = machine.facts(pythons={f"{MINOR}.0": str(tmp_path / "python3")})
    with pytest.raises(EnvironmentBuildFailed, match="libpython missing") as raised:
        realise(ONLY_PARSL, machine, facts)
    assert "python: workspace" in raised.value.next_step


def test_a_package_that_needs_a_newer_c_library_is_named(machine):
    """The wheel's tags are judged before a byte is sent."""
    with pytest.raises(EnvironmentMismatch, match=r"^cluster onprem: \S+ \S+ needs glibc 2\.\d+"):
        realise(ONLY_PARSL, machine, machine.facts(glibc="2.12"), cluster="onprem")
    assert machine.pushes == 0


def test_a_cluster_of_another_processor_is_refused_in_words(machine):
    with pytest.raises(EnvironmentMismatch, match=r"compiled for Linux .* but the cluster is"):
        realise(ONLY_PARSL, machine, machine.facts(arch="riscv64"))


def test_no_python_and_no_way_to_send_one_is_said(machine):
    with pytest.raises(InterpreterMissing, match="found: none"):
        realise(ONLY_PARSL, machine, machine.facts(arch="riscv64", pythons={}))


def test_an_environment_whose_marker_is_gone_is_made_again(machine):
    """A deletion that was broken off leaves a folder without its marker."""
    environment = realise(ONLY_PARSL, machine, machine.facts())
    Path(environment.prefix, ".complete").unlink()
    shutil.rmtree(Path(environment.prefix, "lib"))
    again = realise(ONLY_PARSL, machine, machine.facts())
    assert as_worker(machine, again, "import parsl; print('works')") == "works"
    assert not Path(again.prefix, ".broken").exists()


def test_another_root_is_used_where_one_is_given(machine, tmp_path):
    request = ONLY_PARSL.model_copy(update={"root": f"{tmp_path}/scratch dir/envs"})
    environment = realise(request, machine, machine.facts())
    assert environment.prefix.startswith(f"{tmp_path}/scratch dir/envs/sync-")
    assert as_worker(machine, environment, "import parsl; print('works')") == "works"


def test_noise_of_the_login_does_not_matter(machine):
    """Sites print announcements from files that every shell reads."""
    machine.noise = "echo 'WELCOME @ the site'; printf 'no line end'; echo warning >&2"
    environment = realise(ONLY_PARSL, machine, machine.facts())
    again = realise(ONLY_PARSL, machine, machine.facts())
    assert environment.checked is not None
    assert again == environment


def test_a_real_parsl_function_runs_in_it(ready):
    """Sent as Parsl sends it: as byte-code, by dill, from this interpreter to that one."""
    machine, environment = ready
    payload, answer = machine.home / "payload", machine.home / "answer"
    script = (
        "import sys; from parsl.serialize import pack_apply_message\n"
        "def where(x):\n    import sys\n    return x * 2, sys.prefix\n"
        "open(sys.argv[1], 'wb').write(pack_apply_message(where, (21,), {}))\n"
    )
    subprocess.run([sys.executable, "-c", script, payload], check=True)
    as_worker(
        machine,
        environment,
        "from parsl.executors.execute_task import execute_task\n"
        "from parsl.serialize import serialize\n"
        f"result = execute_task(open('{payload}', 'rb').read())\n"
        f"open('{answer}', 'wb').write(serialize(result))",
    )
    from parsl.serialize import deserialize

    assert deserialize(answer.read_bytes()) == (42, environment.prefix)


def test_compiled_modules_built_here_are_tried_for_their_libraries(machine, site):
    """A module that was built on the workspace may need what the cluster has not."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here: apt-get install gcc")
    library = site.folder.parent / "libfar.so"
    source = site.folder.parent / "far.c"
    source.write_text("int far(void) { return 1; }\n")
    subprocess.run([compiler, "-shared", "-o", library, source], check=True)
    site.add("near", files={"near/__init__.py": "", "near/native.so": ""})
    module = site.folder / "near/native.so"
    source.write_text("int far(void); int near_(void) { return far(); }\n")
    subprocess.run([compiler, "-shared", "-o", module, source, library], check=True)
    request = EnvironmentRequest(packages=("parsl", "near"))
    environment = realise(request, machine, machine.facts())
    library.unlink()
    Path(environment.prefix, ".complete").unlink()
    again = realise(request, machine, machine.facts())
    report = preflight(again, machine, cluster="here", executor="x")
    assert any("libfar.so" in warning for warning in report.warnings)


def test_use_is_noted_while_looking(ready):
    machine, _ = ready
    environment = realise(ONLY_PARSL, machine, machine.facts(), used_by="r1-aa")
    assert Path(environment.prefix, ".used-by/r1-aa").exists()
    Path(environment.prefix, ".last_used").touch()
    os.utime(Path(environment.prefix, ".last_used"), (1000, 1000))
    realise(ONLY_PARSL, machine, machine.facts(), used_by="r2-bb")
    assert Path(environment.prefix, ".used-by/r2-bb").exists()
    assert Path(environment.prefix, ".last_used").stat().st_mtime > time.time() - 3600
