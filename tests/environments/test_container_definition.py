"""Definition files: what they name is found, sent along, and part of the image's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.environments.container.definition_file import NAME, read_definition
from towline.environments.hashes import HashMemory
from towline.errors import DefinitionError

TEXT = """\
Bootstrap: docker
From: debian:12
Stage: first

%files
    data.txt /opt/data.txt
    # models are big
    models /opt
    "with blank.txt" /opt/it

%post
    echo From: nowhere
    echo Bootstrap: nothing
    cp %files

Bootstrap: localimage
From: base.sif

%files from first
    /opt/made /opt/made
"""


@pytest.fixture
def memory(tmp_path: Path) -> HashMemory:
    return HashMemory(tmp_path / "hashes")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "definition"
    (folder / "models/deep").mkdir(parents=True)
    for name in ("data.txt", "models/deep/.weights", "with blank.txt", "base.sif"):
        (folder / name).write_text(f"this is {name}")
    (folder / "work.def").write_text(TEXT)
    return folder / "work.def"


def test_files_and_a_local_base_are_named_by_their_place_in_the_build(path, memory):
    """Of other stages, other bases and lines of scripts nothing is changed."""
    definition = read_definition(path, memory)
    changed = dict(zip(TEXT.splitlines(), definition.text.splitlines(), strict=True))
    assert {old.strip(): new.strip() for old, new in changed.items() if old != new} == {
        "data.txt /opt/data.txt": "files/0/data.txt /opt/data.txt",
        "models /opt": "files/1/models /opt",
        '"with blank.txt" /opt/it': "'files/2/with blank.txt' /opt/it",
        "From: base.sif": "From: files/3/base.sif",
    }


@pytest.mark.parametrize("links", [False, True])
def test_a_folder_to_build_in_has_all_of_it(path, memory, tmp_path, links):
    """Hidden files as well, and folders in folders."""
    folder = tmp_path / "build"
    folder.mkdir()
    definition = read_definition(path, memory)
    definition.lay_out(folder, links=links)
    assert (folder / NAME).read_text() == definition.text
    assert (folder / "files/1/models/deep/.weights").read_text() == "this is models/deep/.weights"
    assert (folder / "files/3/base.sif").is_symlink() is links


@pytest.mark.parametrize("edited", ["work.def", "data.txt", "models/deep/.weights", "base.sif"])
def test_an_edit_anywhere_makes_another_image(path, memory, edited):
    before = read_definition(path, memory).digest
    assert read_definition(path, memory).digest == before
    file = path.parent / edited
    file.write_text(file.read_text() + "\n# edited")
    assert read_definition(path, memory).digest != before


def test_a_link_that_leads_nowhere_is_said_or_left_out(path, memory, tmp_path):
    """Named itself it is an error; within a folder it is none of the build."""
    (path.parent / "models/link").symlink_to("/nowhere")
    folder = tmp_path / "build"
    folder.mkdir()
    read_definition(path, memory).lay_out(folder, links=False)
    path.write_text("Bootstrap: docker\nFrom: debian\n%files\n  models/link /opt\n")
    with pytest.raises(DefinitionError, match="models/link: cannot be read: No such file"):
        read_definition(path, memory)


def test_several_files_may_be_named_by_a_pattern(path, memory):
    path.write_text("Bootstrap: docker\nFrom: debian\n%files\n  *.txt /opt\n")
    places = [source.place for source in read_definition(path, memory).sources]
    assert places == ["files/0/data.txt", "files/1/with blank.txt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%post\n  true\n", "it has no Bootstrap line"),
        ("Bootstrap: docker\nFrom: a\n%files\n  gone.txt /opt\n", r"work\.def:4: gone\.txt is not"),
        ("Bootstrap: localimage\nFrom: gone.sif\n", r"work\.def:2: gone\.sif is not there"),
        ("Bootstrap: docker\nFrom: a\n%files\n  'a /opt\n", r"work\.def:4: cannot be read"),
        ("Bootstrap: docker\nFrom: a\n%files\n  *.txt\n", "several files need a destination"),
    ],
)
def test_what_cannot_be_built_is_said_by_its_line(path, memory, text, words):
    path.write_text(text)
    with pytest.raises(DefinitionError, match=words):
        read_definition(path, memory)


def test_a_file_that_is_not_there_is_said(tmp_path, memory):
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        read_definition(tmp_path / "gone.def", memory)


def test_an_absolute_base_may_be_one_of_the_machine_that_builds(path, memory):
    path.write_text("Bootstrap: localimage\nFrom: /site/images/base.sif\n")
    assert read_definition(path, memory).text == path.read_text()
