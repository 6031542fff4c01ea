"""A log-in that is answered by other ways than a terminal, at a real sshd with one-time codes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.errors import LoginNeeded
from towline.folders import runtime_folder
from towline.ssh import Connection, Destination
from towline.ssh.askpass import run_asking
from towline.testbed import Testbed


@pytest.fixture
def connection(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A way to the user who is asked for a code."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    made = Connection(Destination("onprem", "onprem", user="otp", config_file=testbed.ssh_config))
    yield made
    made.close()


def test_the_code_opens_the_connection_and_is_in_no_argument_and_no_file(
    connection: Connection, testbed: Testbed
) -> None:
    asked: list[str] = []
    arguments: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        listing = ["ps", "-A", "-ww", "-o", "args="]
        arguments.append(subprocess.run(listing, capture_output=True, text=True).stdout)
        return testbed.one_time_code

    connection.login_asking(answer)
    assert connection.run("id -un").stdout == "otp\n"
    assert len(asked) == 1 and "Password" in asked[0]
    assert testbed.one_time_code not in arguments[0]
    left = [path for path in runtime_folder().iterdir() if path.suffix in (".ask", ".askpass")]
    assert left == []


def test_wrong_answers_are_asked_for_again_and_said_to_be_refused(connection: Connection) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "no"

    with pytest.raises(LoginNeeded, match="did not accept what was typed"):
        connection.login_asking(answer)
    assert len(asked) > 1
    assert not connection.is_open()


def test_nobody_answers_and_nothing_is_left(connection: Connection) -> None:
    with pytest.raises(LoginNeeded, match="nobody answered"):
        connection.login_asking(lambda prompt: None)
    assert not connection.is_open()


def test_an_unknown_hosts_fingerprint_is_asked_about(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In OpenSSH's own words; the key is known afterwards."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    known = str(testbed.folder / "workspace/known_hosts")
    config = tmp_path / "ssh_config"
    config.write_text(testbed.ssh_config.read_text().replace(known, str(tmp_path / "known")))
    connection = Connection(Destination("onprem", "onprem", config_file=config))
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "yes"

    try:
        connection.login_asking(answer)
        assert "SHA256:" in asked[0]
        assert "ssh-ed25519" in (tmp_path / "known").read_text()
    finally:
        connection.close()


def test_the_socket_of_a_question_is_its_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode 0600, in a folder of mode 0700; an asker who leaves early does no harm."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    seen: list[int] = []

    def answer(prompt: str) -> str:
        (path,) = runtime_folder().glob("*.ask")
        seen.append(path.stat().st_mode & 0o777)
        return f"answer to {prompt}"

    script = (
        "import os, subprocess, sys\n"
        "print(subprocess.run([os.environ['SSH_ASKPASS'], 'who?'], "
        "capture_output=True, text=True).stdout)\n"
    )
    code, words = run_asking([sys.executable, "-c", script], answer, 30)
    assert (code, words.strip()) == (0, "answer to who?")
    assert seen == [0o600]


def test_a_helper_without_towline_tells_ssh_that_nobody_answered(tmp_path: Path) -> None:
    """So that an ssh whose server was killed ends."""
    helper = Path(sys.modules["towline.ssh.askpass"].__file__ or "").with_name("askpass_helper.py")
    ask = [sys.executable, "-I", "-S", str(helper), str(tmp_path / "s"), "who?"]
    assert subprocess.run(ask, check=False).returncode == 1
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        asking = subprocess.Popen(ask, stdout=subprocess.PIPE, env=os.environ)
        listener.accept()[0].close()
        assert asking.communicate()[0] == b""
        assert asking.returncode == 1
