"""Specs are read before uv is asked: what they are made of, and what they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.environments.uv.locking import _needs_of
from towline.environments.uv.spec import Form, read_spec
from towline.errors import DefinitionError

HEADER = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy<2",
# ]
# ///
"""


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_toml", ".toml").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_requirements_are_read_with_all_that_they_include(tmp_path):
    write(tmp_path, a_txt="numpy==2.1  # fast\n-r more/b.txt\n-c c.txt\n--pre\n", c_txt="six<2\n")
    write(tmp_path, more__b_txt="-r ../a.txt\nparsl \\\n  >=2026\n")
    spec = read_spec(tmp_path / "a.txt")
    assert spec.form is Form.REQUIREMENTS
    assert [file.name for file in spec.files] == ["a.txt", "b.txt", "c.txt"]
    assert [str(each) for each in spec.requirements] == ["numpy==2.1", "parsl>=2026", "six<2"]


@pytest.mark.parametrize("line", ["./mine", "-e ./mine", "-e mine", "mine @ file://{}/mine"])
def test_packages_of_the_users_own_are_found_by_their_folder(tmp_path, line):
    write(tmp_path, mine__pyproject_toml="", a_txt=f"six\n{line.format(tmp_path)}\n")
    assert read_spec(tmp_path / "a.txt").folders == (tmp_path / "mine",)


def test_a_project_says_its_needs_and_its_python(tmp_path):
    text = '[project]\nname="p"\ndependencies=["numpy", "parsl"]\nrequires-python=">=3.9"\n'
    write(tmp_path, pyproject_toml=text)
    spec = read_spec(tmp_path)
    assert (spec.form, spec.requires_python, spec.folders) == (Form.PROJECT, ">=3.9", ())
    assert spec.asks_for("parsl")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    assert read_spec(tmp_path / "pyproject.toml").form is Form.LOCKED_PROJECT


def test_a_project_that_can_be_built_is_itself_a_package(tmp_path):
    write(tmp_path, pyproject_toml='[build-system]\nrequires=["hatchling"]\n')
    assert read_spec(tmp_path / "pyproject.toml").folders == (tmp_path,)
    write(tmp_path, pyproject_toml="[build-system]\nrequires=[]\n[tool.uv]\npackage = false\n")
    assert read_spec(tmp_path / "pyproject.toml").folders == ()


def test_only_the_header_of_a_script_counts(tmp_path):
    (tmp_path / "a.py").write_text(f"{HEADER}print(1)\n")
    (tmp_path / "b.py").write_text(f"#!/usr/bin/env python\n{HEADER}print(2)\n")
    first, second = read_spec(tmp_path / "a.py"), read_spec(tmp_path / "b.py")
    assert first.texts == second.texts
    assert (first.requires_python, str(first.requirements[0])) == (">=3.11", "numpy<2")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("absent.txt", None, "No such file"),
        ("absent.py", None, "No such file"),
        ("plain.py", "print(1)\n", "has no header"),
        ("broken.py", "# /// script\n# dependencies = [\n# ///\n", "is not TOML"),
        ("pyproject.toml", "[project\n", "is not TOML"),
        ("list.csv", "numpy\n", "is no spec that uv can lock"),
        ("a.txt", "-r absent.txt\n", "absent.txt: cannot be read"),
        ("a.txt", b"\xff\xfe", "is not a text file"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DefinitionError, match=words):
        read_spec(tmp_path / name)


def test_a_setup_file_in_an_old_encoding_is_read(tmp_path):
    """It counts for the lock only by its bytes."""
    (tmp_path / "setup.py").write_bytes("# Müller\n".encode("latin-1"))
    assert len(_needs_of([tmp_path])) == 1
