"""The agent's program: one file, the same bytes each time, quick to start."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import towline.link.wire as wire
from towline.link.package import PACKAGE, agent_program


def test_the_same_files_give_the_same_bytes_and_name():
    first = agent_program()
    agent_program.cache_clear()
    again = agent_program()
    assert first == again
    assert first is not again


def test_the_name_changes_with_the_content(monkeypatch):
    first = agent_program()
    agent_program.cache_clear()
    monkeypatch.setattr("towline.link.package.MAIN", "pass\n")
    assert agent_program().name != first.name
    agent_program.cache_clear()


def test_all_of_wire_and_nothing_else_is_in_it():
    with zipfile.ZipFile(io.BytesIO(agent_program().content)) as archive:
        names = set(archive.namelist())
    files = {f"{PACKAGE}/{file.name}" for file in Path(wire.__file__).parent.glob("*.py")}
    assert names == files | {"__main__.py"}


def test_it_runs_without_towline_and_without_site_packages(tmp_path):
    program = tmp_path / agent_program().name
    program.write_bytes(agent_program().content)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), "status", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, '{"status": "absent"}\n')
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), "dance"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "usage" in done.stderr) == (2, True)


def test_attaching_imports_next_to_nothing(tmp_path):
    """It runs at every reconnect: typing, json or selectors would double its start-up time."""
    program = tmp_path / agent_program().name
    program.write_bytes(agent_program().content)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(program), "attach", "/nowhere", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert f"{PACKAGE}.attach" in imported
    assert not imported & {"typing", "json", "subprocess", "hmac", "asyncio"}
