"""Opening, sharing and ending the connection, on real sshd processes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from towline.errors import (
    DefinitionError,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    TowlineError,
)
from towline.ssh import Connection

from .conftest import Connect
from .loopback import Loopback, free_port, ssh_processes, wait_until

Events = list[tuple[str, dict[str, Any]]]


def names(events: Events) -> list[str]:
    return [name for name, _ in events]


def test_open_is_idempotent_and_close_ends_it(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain")
    assert not connection.is_open()
    connection.open()
    connection.open()
    assert connection.is_open()
    assert server.connections() == 1
    assert names(events) == ["connecting", "connected"]
    connection.close()
    assert not connection.is_open()
    wait_until(lambda: not ssh_processes(connection.destination.key), "the master to end")
    connection.close()


def test_all_processes_share_one_connection(loopback: Loopback, connect: Connect) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain")
    others = [subprocess.Popen(connection.reopen_argv()) for _ in range(4)]
    assert [other.wait(60) for other in others] == [0, 0, 0, 0]
    assert connection.run("echo shared").stdout == "shared\n"
    assert server.connections() == 1


def test_callers_at_the_same_time_share_one_failure(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    server = loopback.serve("secret", known=False)
    connection = connect(loopback, "secret")
    errors: list[TowlineError] = []

    def call() -> None:
        with pytest.raises(HostKeyUnknown) as caught:
            connection.open()
        errors.append(caught.value)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(errors) == 8
    assert names(events).count("connecting") == 1
    assert server.connections() == 2  # the attempt, and the look at the host key


def test_other_destination_is_another_connection(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("one")
    loopback.serve("two")
    one, two = connect(loopback, "one"), connect(loopback, "two")
    one.open()
    assert not two.is_open()


def test_wrong_user_is_refused(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("plain")
    with pytest.raises(LoginRefused, match="user nobody-here"):
        connect(loopback, "plain", user="nobody-here").open()


def test_wrong_key_is_refused(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("strict", "AuthorizedKeysFile none")
    with pytest.raises(LoginRefused, match="is not let in with your keys"):
        connect(loopback, "strict").open()


def test_host_that_wants_a_password_needs_a_person(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("typed", "AuthenticationMethods password", "PasswordAuthentication yes")
    with pytest.raises(LoginNeeded) as caught:
        connect(loopback, "typed").open()
    assert caught.value.next_step == "towline cluster login typed"


def test_refused_connection_is_unreachable(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("plain").stop()
    with pytest.raises(HostUnreachable, match="Connection refused"):
        connect(loopback, "plain").open()


def test_unknown_name_is_unreachable(loopback: Loopback, connect: Connect) -> None:
    loopback.write_config()
    with pytest.raises(HostUnreachable, match=r"host name no-such-host\.invalid is unknown"):
        connect(loopback, "lost", host="no-such-host.invalid").open()


def test_silent_host_is_given_up_in_time(loopback: Loopback, connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        loopback.write_config()
        connection = connect(loopback, "silent", host="127.0.0.1", port=silent.getsockname()[1])
        with pytest.raises(HostUnreachable):
            connection.open(timeout=1.5)


def test_missing_configuration_file_is_the_users_to_mend(
    loopback: Loopback, connect: Connect
) -> None:
    with pytest.raises(DefinitionError, match="does not exist"):
        connect(loopback, "plain").open()


def test_broken_configuration_is_shown_in_sshs_words(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("plain", Bogus="yes")
    with pytest.raises(DefinitionError, match=r"line \d+: Bad configuration option: bogus"):
        connect(loopback, "plain").open()


def test_missing_ssh_says_what_to_install(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(loopback.folder))
        with pytest.raises(DefinitionError, match="install"):
            connection.open()


def test_users_own_ssh_options_do_not_disturb(loopback: Loopback, connect: Connect) -> None:
    """What is meant for interactive use is switched off; no forward, command or terminal."""
    loopback.serve(
        "busy",
        RemoteCommand="tmux attach",
        RequestTTY="force",
        LocalForward="1 127.0.0.1:1",
        ExitOnForwardFailure="yes",
        LocalCommand="touch local-command-ran",
        PermitLocalCommand="yes",
        LogLevel="QUIET",
        ControlMaster="auto",
        ControlPath=str(loopback.folder / "own-socket"),
        BatchMode="no",
    )
    assert connect(loopback, "busy").run("echo fine").stdout == "fine\n"
    assert not (loopback.folder / "own-socket").exists()
    assert not Path("local-command-ran").exists()


def test_too_long_runtime_folder_is_refused_in_words(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", str(deep))
    with pytest.raises(DefinitionError, match="too long for a socket"):
        Connection(loopback.destination("plain"))


def test_everything_in_the_runtime_folder_is_private(
    loopback: Loopback, connect: Connect, runtime: Path
) -> None:
    loopback.serve("plain")
    connect(loopback, "plain").open()
    modes = {path.name: path.lstat().st_mode & 0o077 for path in runtime.iterdir()}
    assert modes
    assert set(modes.values()) == {0}


def test_nothing_listens_on_the_workspace(loopback: Loopback, connect: Connect) -> None:
    """The shared connection forwards nothing, even when the user's configuration does."""
    port = free_port()
    loopback.serve("forwards", LocalForward=f"{port} 127.0.0.1:22")
    connect(loopback, "forwards").open()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_lost_runtime_folder_is_an_error_in_words(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Some systems empty /tmp now and then."""
    gone = tempfile.mkdtemp(prefix="tl-", dir="/tmp")
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", gone)
    loopback.serve("plain")
    connection = Connection(loopback.destination("plain"))
    shutil.rmtree(gone)
    with pytest.raises(HostUnreachable, match="cannot be used for the connection: No such file"):
        connection.open()
    with pytest.raises(DefinitionError, match="no private folder for connections"):
        Connection(loopback.destination("plain"))
