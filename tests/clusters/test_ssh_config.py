"""What the user's SSH configuration says."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.clusters import host_aliases
from towline.clusters._ssh_config import resolved_options, split_line
from towline.errors import DefinitionError


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("Host one two", ("host", ["one", "two"])),
        ("  HOST=one", ("host", ["one"])),
        ("Host = one", ("host", ["one"])),
        ('Host "with space" b # c', ("host", ["with space", "b"])),
        ('Host "open', ("host", ['"open'])),
        ("# Host one", ("", [])),
        ("", ("", [])),
        ("Include ~/.ssh/conf.d/*", ("include", ["~/.ssh/conf.d/*"])),
    ],
)
def test_a_line_is_split_as_ssh_does(line: str, wanted: tuple[str, list[str]]) -> None:
    assert split_line(line) == wanted


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh" / "conf.d").mkdir(parents=True)
    return tmp_path


def test_hosts_are_found_and_patterns_are_not(home: Path) -> None:
    config = home / ".ssh" / "config"
    config.write_text("Host onprem Login.Example *.edu !bad web?\n  User x\nMatch host z\nHost *\n")
    assert list(host_aliases(config)) == ["onprem", "Login.Example"]


def test_included_files_are_read_with_wildcards_and_relative_to_the_ssh_folder(home: Path) -> None:
    config = home / ".ssh" / "config"
    config.write_text("Include conf.d/*.conf\nInclude ~/more ~/absent\nHost own\n")
    (home / ".ssh" / "conf.d" / "a.conf").write_text("Host a\nHost own\n")
    (home / ".ssh" / "conf.d" / "b.conf").write_text("Host b\n")
    (home / ".ssh" / "conf.d" / "c.off").write_text("Host c\n")
    (home / "more").write_text("Host more\n")
    aliases = host_aliases(config)
    assert list(aliases) == ["a", "own", "b", "more"]
    assert aliases["own"] == home / ".ssh" / "conf.d" / "a.conf"


def test_files_that_include_each_other_do_not_loop(home: Path) -> None:
    config = home / ".ssh" / "config"
    config.write_text("Include config\nHost one\n")
    assert list(host_aliases(config)) == ["one"]


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        host_aliases(tmp_path / "absent")


def test_what_ssh_resolves_is_read_with_the_first_value_of_each_option() -> None:
    answer = "user alice\nhostname login.example.org\nport 22\nidentityfile a\nidentityfile b\n"
    assert resolved_options(answer) == {
        "user": "alice",
        "hostname": "login.example.org",
        "port": "22",
        "identityfile": "a",
    }
