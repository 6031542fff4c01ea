"""The files of a distribution, and what makes them change."""

from __future__ import annotations

import os
import time

import pytest

from towline.environments.content import content_of
from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.interpreter import this_workspace
from towline.environments.members import members


@pytest.fixture
def memory(tmp_path):
    return HashMemory(tmp_path / "hashes.json")


@pytest.fixture
def files(site, memory):
    """Return a function that lists a distribution's files by name."""

    def of(name):
        return {
            m.name: m for m in members(installed_here([str(site.folder)])[name], "3.11", memory)
        }

    return of


@pytest.fixture
def digest(site, memory):
    """Return a function that gives the name of the content of all that is installed."""

    def of():
        installed = installed_here([str(site.folder)]).values()
        return content_of(installed, this_workspace(), memory).digest

    return of


def test_files_go_where_python_of_that_minor_looks(site, files):
    site.add("lib", files={"lib/__init__.py": "x = 1"})
    assert "lib/python3.11/site-packages/lib/__init__.py" in files("lib")


def test_byte_code_and_the_source_url_stay_home(site, files):
    """A direct_url.json may hold a password, and a path of the workspace in any case."""
    files_of_lib = {"lib/__init__.py": "", "lib/__pycache__/__init__.cpython-311.pyc": "?"}
    site.add("lib", files=files_of_lib, metadata={"direct_url.json": "{}"})
    assert not [name for name in files("lib") if name.endswith((".pyc", "direct_url.json"))]


def test_data_files_of_the_prefix_go_along(site, files):
    site.add("lib", files={"../../../share/lib/table.csv": "1,2"})
    assert files("lib")["share/lib/table.csv"].source.read_text() == "1,2"


def test_a_command_is_written_anew_for_the_cluster(site, files):
    """What the installer wrote has the workspace's Python in its first line."""
    site.add(
        "lib",
        files={"../../../bin/lib-run": "#!/home/me/venv/bin/python\n"},
        metadata={"entry_points.txt": "[console_scripts]\nlib-run = lib.cli:run\n"},
    )
    script = files("lib")["bin/lib-run"]
    assert script.executable and b"/home/me/venv" not in script.content
    assert b"from lib.cli import run" in script.content


def test_a_script_file_loses_the_path_of_the_workspaces_python(site, files):
    site.add("lib", files={"../../../bin/tool.py": "#!/home/me/venv/bin/python3\nprint(1)\n"})
    assert b"/home/me/venv" not in files("lib")["bin/tool.py"].content


def test_the_same_packages_elsewhere_make_the_same_content(site, digest, memory, tmp_path):
    """The name depends on what is in the files, not on workspace or installer's notes."""
    site.add("lib", files={"lib.py": "x = 1"}, metadata={"INSTALLER": "pip"})
    other = type(site)(tmp_path / "another/lib/python3/site-packages")
    other.add("lib", files={"lib.py": "x = 1"}, metadata={"INSTALLER": "uv", "REQUESTED": ""})
    there = installed_here([str(other.folder)]).values()
    assert digest() == content_of(there, this_workspace(), memory).digest


def test_a_file_edited_in_place_changes_the_content(site, digest):
    """RECORD still holds the old hash: what is younger than RECORD is read."""
    site.add("lib", files={"lib.py": "x = 1"})
    before = digest()
    (site.folder / "lib.py").write_text("x = 2")
    later = time.time() + 60
    os.utime(site.folder / "lib.py", (later, later))
    assert digest() != before


def test_a_file_that_grew_changes_the_content_whatever_its_time(site, digest):
    about = site.add("lib", files={"lib.py": "x = 1"})
    before = digest()
    (site.folder / "lib.py").write_text("x = 1 + 1")
    os.utime(site.folder / "lib.py", (0, 0))
    assert (about / "RECORD").stat().st_mtime > 0
    assert digest() != before


def test_a_removed_file_is_left_out(site, files):
    site.add("lib", files={"lib.py": "", "lib_tests.py": ""})
    (site.folder / "lib_tests.py").unlink()
    assert "lib/python3.11/site-packages/lib_tests.py" not in files("lib")


def test_a_hash_is_remembered_until_the_file_changes(tmp_path, memory):
    file = tmp_path / "data"
    file.write_text("one")
    os.utime(file, (1000, 1000))
    first = memory.sha256(file)
    memory.save()
    file.write_text("two")  # same size: only the time tells
    os.utime(file, (1000, 1000))
    again = HashMemory(memory.path)
    assert again.sha256(file) == first
    os.utime(file, (2000, 2000))
    assert again.sha256(file) != first


def test_a_fresh_file_is_not_trusted_to_stay(tmp_path, memory):
    """A second edit within one tick of the clock would not show in size or time."""
    file = tmp_path / "data"
    file.write_text("one")
    memory.sha256(file)
    memory.save()
    assert not memory.path.exists()
