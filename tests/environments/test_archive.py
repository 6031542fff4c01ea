"""Archives built once in the workspace."""

from __future__ import annotations

import os
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from towline.environments.archive import archive_of
from towline.environments.cluster_side import silent
from towline.environments.members import Member
from towline.environments.plan import Layer

COMPILED = f"__pycache__/mod.{sys.implementation.cache_tag}.pyc"


@pytest.fixture
def packed(tmp_path):
    """Return a function that packs members and unpacks them into a folder."""

    def pack(*files, name=None):
        name = name or tmp_path.name
        archive = archive_of(Layer(name, name, lambda folder: files), silent)
        with tarfile.open(archive.path) as tar:
            tar.extractall(tmp_path / "out")  # noqa: S202 - made a line ago
        return tmp_path / "out", archive

    return pack


def module(path, text="x = 1\n", name="lib/mod.py"):
    path.write_text(text)
    return Member(name, path, None, "", False)


def test_files_are_taken_from_where_they_lie_with_their_rights(packed, tmp_path):
    (tmp_path / "tool").write_text("binary")
    (tmp_path / "tool").chmod(0o750)
    made = Member("bin/made", None, b"made", "", True)
    folder, archive = packed(Member("bin/tool", tmp_path / "tool", None, "", True), made)
    assert (folder / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (folder / "bin/made").read_bytes() == b"made"
    assert archive.unpacked_bytes == len("binary") + len("made")
    assert archive.files == 2


def test_of_two_claims_on_one_file_the_first_counts(packed, tmp_path):
    first = module(tmp_path / "first.py", "first = 1\n")
    second = module(tmp_path / "second.py", "second = 2\n")
    folder, _ = packed(first, second)
    assert (folder / "lib/mod.py").read_text() == "first = 1\n"


def test_two_names_of_one_file_become_two_files(packed, tmp_path):
    """Installers save space with hard links, which a cluster's disk may not know."""
    module(tmp_path / "one.py")
    os.link(tmp_path / "one.py", tmp_path / "two.py")
    members = [Member(f"lib/{n}.py", tmp_path / f"{n}.py", None, "", False) for n in ("one", "two")]
    folder, _ = packed(*members)
    assert (folder / "lib/two.py").stat().st_nlink == 1


def imported(folder: Path, tmp_path: Path) -> bool:
    """Import `mod` with no right to write; return whether its byte-code was used as it is."""
    import subprocess

    code = "import mod, sys; print(mod.__cached__)"
    run = [sys.executable, "-v", "-B", "-c", code]
    answer = subprocess.run(run, cwd=folder / "lib", capture_output=True, text=True, check=True)
    return "code object from '" in answer.stderr and f"matches {folder}/lib/mod.py" in answer.stderr


def test_modules_without_byte_code_are_compiled(packed, tmp_path):
    folder, _ = packed(module(tmp_path / "mod.py"))
    assert (folder / "lib" / COMPILED).exists()
    assert imported(folder, tmp_path)
    assert not (tmp_path / "__pycache__").exists(), "the workspace is not written to"


def test_byte_code_of_the_workspace_is_used_while_it_is_fresh(packed, tmp_path):
    import py_compile

    fresh = module(tmp_path / "mod.py")
    made = Path(py_compile.compile(str(tmp_path / "mod.py")))
    folder, _ = packed(fresh)
    assert (folder / "lib" / COMPILED).read_bytes() == made.read_bytes()


def test_stale_byte_code_is_made_anew(packed, tmp_path):
    import py_compile

    module(tmp_path / "mod.py", "x = 1\n")
    py_compile.compile(str(tmp_path / "mod.py"))
    edited = module(tmp_path / "mod.py", "x = 1 + 1 + 1\n")
    folder, _ = packed(edited)
    assert imported(folder, tmp_path)


def test_what_is_no_valid_python_goes_along_uncompiled(packed, tmp_path):
    """Packages carry templates and code for other versions of Python."""
    folder, _ = packed(module(tmp_path / "mod.py", "{{ template }} !\n"))
    assert (folder / "lib/mod.py").exists()
    assert not (folder / "lib" / COMPILED).exists()


def test_two_that_build_at_once_build_once():
    built = []

    def fill(folder):
        built.append(folder)
        return []

    layer = Layer("built-once", "built-once", fill)
    with ThreadPoolExecutor(3) as pool:
        archives = set(pool.map(lambda _: archive_of(layer, silent), range(3)))
    assert (len(built), len(archives)) == (1, 1)


def test_a_build_that_fails_leaves_nothing_and_is_tried_again():
    attempts = []

    def fill(folder):
        attempts.append(folder)
        (folder / "half").write_text("")
        if len(attempts) == 1:
            raise OSError("disk full")
        return []

    layer = Layer("fails-first", "fails-first", fill)
    with pytest.raises(OSError, match="disk full"):
        archive_of(layer, silent)
    assert archive_of(layer, silent).path.exists()
    assert not list(attempts[0].parent.parent.glob(".build-*"))


def test_an_archive_that_was_damaged_is_built_again():
    layer = Layer("damaged", "damaged", lambda folder: [])
    first = archive_of(layer, silent)
    first.path.write_bytes(b"half")
    again = archive_of(layer, silent)
    with tarfile.open(again.path) as tar:
        assert tar.getnames() == []
