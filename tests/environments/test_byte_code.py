"""Byte-code comes along with every module: the workspace's own where it has the same one."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys

import pytest

from towline.environments.byte_code import with_byte_code
from towline.environments.members import Member

TEXT = "def fail():\n    raise ValueError('here')\n"


@pytest.fixture
def staged(tmp_path, monkeypatch):
    """Return a module as an installer has just put it down, and the folder of its twin."""
    site = tmp_path / "workspace/site-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    module = tmp_path / "staged/mod.py"
    module.parent.mkdir()
    module.write_text(TEXT)
    os.utime(module, (1_700_000_000, 1_700_000_000))
    return module, site


def made(module, tmp_path):
    """Lay the files out as they will lie on the cluster; return how many were compiled anew."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    files = with_byte_code([Member("lib/site-packages/mod.py", module, None, "", False)], scratch)
    target = tmp_path / "there"
    for file in files:
        place = target / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.source.read_bytes() if file.source else file.content)
    os.utime(target / "lib/site-packages/mod.py", (1_700_000_000, 1_700_000_000))
    return target / "lib/site-packages", len(list(scratch.rglob("mod.*.pyc")))


def test_the_workspaces_byte_code_serves_a_copy_of_the_same_module(staged, tmp_path):
    module, site = staged
    (site / "mod.py").write_text(TEXT)
    py_compile.compile(str(site / "mod.py"), doraise=True)
    there, compiled = made(module, tmp_path)
    assert compiled == 0
    byte_code = importlib.util.cache_from_source(str(there / "mod.py"))
    said = subprocess.run(
        [sys.executable, "-v", "-c", "import mod; print(mod.fail.__code__.co_filename)"],
        env={"PYTHONPATH": str(there), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(there / "mod.py")
    assert f"{byte_code} matches" in said.stderr


@pytest.mark.parametrize("text", ["other = 1\n", TEXT.replace("here", "nere"), None])
def test_a_module_that_is_not_the_same_is_compiled(staged, tmp_path, text):
    """Also one that has the same size."""
    module, site = staged
    if text is not None:
        (site / "mod.py").write_text(text)
        py_compile.compile(str(site / "mod.py"), doraise=True)
    _, compiled = made(module, tmp_path)
    assert compiled == 1
