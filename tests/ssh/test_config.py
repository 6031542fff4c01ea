"""What ssh makes of the configuration that we put in front of the user's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.ssh import Destination
from towline.ssh.config import included_files, render_config

LAX = """\
Host h
  HostName real.host
  User somebody
Host *
  StrictHostKeyChecking no
  BatchMode no
  NoHostAuthenticationForLocalhost yes
  ForwardAgent yes
  ForwardX11 yes
  ServerAliveInterval 0
  LocalForward 1 127.0.0.1:1
  PermitLocalCommand yes
  LogLevel QUIET
"""


def ssh_sees(config: Path, host: str = "h") -> dict[str, str]:
    shown = subprocess.run(
        ["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True
    )
    return dict(line.split(" ", 1) for line in shown.stdout.splitlines() if " " in line)


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "user's [own] config*"
    path.write_text(LAX)
    path.chmod(0o600)
    return path


def write(users: Path, *, interactive: bool) -> Path:
    path = users.parent / "ours"
    files = included_files(Destination("c", "h", config_file=users))
    path.write_text(render_config(files, interactive=interactive))
    return path


def test_unattended_nothing_is_asked_and_nothing_unknown_accepted(users: Path) -> None:
    seen = ssh_sees(write(users, interactive=False))
    assert seen["stricthostkeychecking"] in ("yes", "true")
    assert seen["batchmode"] == "yes"
    assert seen["nohostauthenticationforlocalhost"] == "no"


def test_at_log_in_ssh_asks(users: Path) -> None:
    seen = ssh_sees(write(users, interactive=True))
    assert seen["stricthostkeychecking"] == "ask"
    assert seen["batchmode"] == "no"


def test_what_belongs_to_interactive_use_is_off(users: Path) -> None:
    seen = ssh_sees(write(users, interactive=False))
    off = ("forwardagent", "forwardx11", "permitlocalcommand")
    assert {seen[key] for key in off} == {"no"}
    assert seen["clearallforwardings"] == "yes"
    assert seen["serveraliveinterval"] == "10"
    assert seen["loglevel"] == "INFO"


def test_users_own_hosts_count_whatever_the_files_name(users: Path) -> None:
    seen = ssh_sees(write(users, interactive=False))
    assert (seen["hostname"], seen["user"]) == ("real.host", "somebody")


def test_without_a_file_the_usual_ones_are_read_in_sshs_order() -> None:
    files = included_files(Destination("c", "h"))
    assert files[0] == "~/.ssh/config"
    assert files[1:] in ([], ["/etc/ssh/ssh_config"])


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="does not exist"):
        included_files(Destination("c", "h", config_file=tmp_path / "none"))
