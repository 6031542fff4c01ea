"""What goes wrong is said in words, and before anything reaches the cluster."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from environments.index_server import make_wheel
from environments.uv.bringing import PARSL, bring, said_there
from towline.environments import EnvironmentRequest, LockStore
from towline.errors import (
    CopyFailed,
    DefinitionError,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
    ReachError,
)


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


def test_a_spec_that_is_not_there_is_said_with_what_to_look_at(machine, index, tmp_path):
    request = EnvironmentRequest(kind="uv", spec=str(tmp_path / "absent.txt"))
    with pytest.raises(DefinitionError, match="cannot be read: No such file") as raised:
        bring(request, machine)
    assert raised.value.next_step == f"ls -l {tmp_path}/absent.txt"
