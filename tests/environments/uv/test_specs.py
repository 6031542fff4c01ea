"""Kind `uv`: a spec is locked once in the workspace, and its wheels come to the cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environments.index_server import make_wheel
from environments.uv.bringing import PARSL, bring, lock_of, said_there
from towline.environments import LockStore, preflight
from towline.errors import (
    DefinitionError,
    EnvironmentBuildFailed,
)


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


def test_modules_beside_the_script_go_along(machine, index, spec, tmp_path):
    (tmp_path / "helpers.py").write_text("answer = 42\n")
    environment = bring(spec("", include=(str(tmp_path / "helpers.py"),)), machine)
    assert said_there(machine, environment, "import helpers; print(helpers.answer)") == "42"
