"""environment.yml: what is understood, and what is refused by name and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.environments.conda.environment_file import read_environment_file
from towline.environments.conda.pip_install import lock_pip
from towline.environments.conda.pip_section import PipSection, read_pip_section
from towline.errors import DefinitionError

USUAL = """\
name: science
channels:
  - conda-forge
  - https://example.org/more
dependencies:
  - python=3.11
  - numpy>=2
  - pip:
    - tomli
variables:
  OMP_NUM_THREADS: 4
prefix: /home/alice/miniconda3/envs/science
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "environment.yml"
        path.write_text(text)
        return read_environment_file(path)

    return from_text


def test_all_that_conda_understands_is_read(read):
    file = read(USUAL)
    assert [channel.shown for channel in file.channels] == [
        "conda-forge",
        "https://example.org/more",
    ]
    assert [asked.text for asked in file.packages] == ["python=3.11", "numpy>=2"]
    assert [line.text for line in file.pip.lines] == ["tomli"]
    assert file.variables == {"OMP_NUM_THREADS": "4"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("dependencys: [python]\n", 1, "dependencys is no key"),
        ("channels: conda-forge\ndependencies: [x]\n", 1, "must be a list"),
        ("channels: [c]\n", None, "needs a list of packages"),
        ("dependencies:\n  - python\n  - pipp: [x]\n", 3, "'pipp' is neither"),
        ("dependencies:\n  - x\n  - pip:\n    - --target=x y\n", 4, "--target has no meaning"),
        ("dependencies:\n  - x\n  - pip:\n    - 'numpy ** 2'\n", 4, "is no requirement"),
        ("dependencies:\n  - x\n  - pip:\n    - ./nowhere\n", 4, "nowhere is not there"),
        ("dependencies:\n  - x\n  - pip: numpy\n", 3, "pip: needs a list"),
        ("dependencies:\n - x\n - pip:\n   - |\n     -r a\n     -r b\n", 4, "cannot be read"),
        ("dependencies: [x]\nvariables: {a-b: 1}\n", 2, "is no name of a variable"),
        ("dependencies: [x]\ndependencies: [y]\n", 2, "a second time"),
        ("dependencies: [x\n", 2, "is no valid YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(read, tmp_path, text, line, words):
    with pytest.raises(DefinitionError, match=words.replace("*", r"\*")) as raised:
        read(text)
    place = f"{tmp_path}/environment.yml" + (f":{line}" if line else "")
    assert raised.value.thing == place


def test_a_typing_error_in_a_key_is_recognised(read):
    with pytest.raises(DefinitionError) as raised:
        read("dependancies: [python]\n")
    assert raised.value.next_step == "did you mean dependencies?"


def test_a_missing_file_is_said_with_those_that_are_there(tmp_path):
    (tmp_path / "env.yaml").touch()
    with pytest.raises(DefinitionError, match=r"is not there; there is env\.yaml"):
        read_environment_file(tmp_path / "environment.yml")


def test_without_channels_conda_forge_is_taken(read):
    file = read("dependencies: [python]\n")
    assert [channel.shown for channel in file.channels] == ["conda-forge"]
    assert not file.channels_given


def test_a_variable_brings_a_token_that_is_not_in_the_file(read, monkeypatch):
    monkeypatch.setenv("CHANNEL_TOKEN", "tk-1")
    text = "channels: ['https://example.org/t/${CHANNEL_TOKEN}/lab']\ndependencies: [x]\n"
    assert read(text).channels[0].text == "https://example.org/t/tk-1/lab"
    monkeypatch.delenv("CHANNEL_TOKEN")
    with pytest.raises(DefinitionError, match="CHANNEL_TOKEN is not set"):
        read(text)


def test_relative_channels_start_from_the_file(read, tmp_path):
    (channel,) = read("channels: [./local]\ndependencies: [x]\n").channels
    assert channel.url == f"file://{tmp_path}/local/"


def pip(folder: Path, *lines: str) -> PipSection:
    return read_pip_section([(line, "environment.yml:9") for line in lines], folder)


def test_pip_lines_mean_what_they_mean_beside_the_file(tmp_path):
    """Paths start there, included files are read, and what they include is, too."""
    (tmp_path / "more").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "-r more/again.txt\nrich>=14  # pretty\n-c limits.txt\n"
    )
    (tmp_path / "more/again.txt").write_text("tomli==2.2.1 \\\n   --hash=sha256:abc\n./tool.whl\n")
    (tmp_path / "more/tool.whl").touch()
    (tmp_path / "limits.txt").write_text("numpy<3\n")
    section = pip(tmp_path, "-r requirements.txt", "-e mine", "./mine[fast]", "-f wheels")
    assert [line.text for line in section.lines] == [
        "tomli==2.2.1",
        f"{tmp_path}/more/tool.whl",
        "rich>=14",
        f"{tmp_path}/mine",
        f"{tmp_path}/mine[fast]",
    ]
    assert section.options == (f"--find-links {tmp_path}/wheels",)
    assert section.constraints == ("numpy<3",)
    assert [path.name for path in section.files] == ["requirements.txt", "again.txt", "limits.txt"]
    assert section.lines[0].place == f"{tmp_path}/more/again.txt:1"


@pytest.mark.parametrize(
    "line",
    ["--index-url=https://u:p@example.org/simple", "-i https://u:p@example.org/simple"],
)
def test_an_index_is_an_option_however_it_is_written(tmp_path, line):
    assert pip(tmp_path, line).options == ("--index-url https://u:p@example.org/simple",)


def test_an_address_needs_a_name(tmp_path):
    (line,) = pip(tmp_path, "git+https://example.org/x.git@main#egg=x").lines
    assert (line.name, line.text) == ("x", "x @ git+https://example.org/x.git@main")
    with pytest.raises(DefinitionError, match="write it as name @ address"):
        pip(tmp_path, "git+https://example.org/x.git")


@pytest.mark.parametrize("line", ["git+https://me:s3cret@h.org/x", "x y @ https://me:s3cret@h.org"])
def test_a_line_that_is_refused_is_shown_without_its_password(tmp_path, line):
    with pytest.raises(DefinitionError) as raised:
        pip(tmp_path, line)
    assert "s3cret" not in str(raised.value)


def test_a_package_named_by_its_address_is_not_taken_from_an_index(tmp_path):
    """An index may have another package of that name and version."""
    section = pip(tmp_path, "x @ https://example.org/x-1.0-py3-none-any.whl")
    with pytest.raises(DefinitionError, match="x is named by an address, which cannot be locked"):
        lock_pip(section, tmp_path, "x86_64-manylinux_2_28", "environment.yml")
