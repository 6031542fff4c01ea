"""Commands that find the Python beside them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from towline.environments.scripts import command, relocated


@pytest.fixture
def bin_folder(tmp_path):
    """Return a folder named to trip up quoting, with a Python in it."""
    folder = tmp_path / "a 'quoted' $HOME/bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    return folder


def run(script: bytes, path: Path, *arguments: str) -> str:
    path.write_bytes(script)
    path.chmod(0o755)
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


def test_a_command_runs_wherever_it_lies(bin_folder):
    point = EntryPoint("show", "platform:python_version", "console_scripts")
    script = command(point).replace(b"sys.exit(", b"print(")
    assert run(script, bin_folder / "show").count(".") == 2


def test_a_command_reached_by_a_link_finds_its_own_python(bin_folder, tmp_path):
    script = relocated(b"#!/home/me/bin/python\nimport sys; print(sys.argv[1:])\n")
    run(script, bin_folder / "tool")
    (tmp_path / "link").symlink_to(bin_folder / "tool")
    answer = subprocess.run([tmp_path / "link", "a b"], capture_output=True, text=True, check=True)
    assert answer.stdout == "['a b']\n"


def test_an_installers_form_for_long_paths_is_replaced(bin_folder):
    script = b"#!/bin/sh\n'''exec' '/home/me/long path/python' \"$0\" \"$@\"\n' '''\nprint('ran')\n"
    assert b"/home/me/long" not in relocated(script)
    assert run(relocated(script), bin_folder / "long") == "ran\n"


def test_a_future_import_stays_the_first_statement():
    script = b'#!/home/me/bin/python\n"""Doc."""\nfrom __future__ import annotations\nprint(1)\n'
    assert relocated(script).startswith(b"#!/usr/bin/env python\n")
    compile(relocated(script), "tool", "exec")


@pytest.mark.parametrize("script", [b"\x7fELF...", b"#!/bin/bash\necho python\n", b"no script"])
def test_what_is_no_python_script_stays_as_it_is(script):
    assert relocated(script) is script
