"""Opening, sharing and ending the connection, on real sshd processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from towline.errors import (
    DefinitionError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    TowlineError,
)
from towline.ssh import Connection, attempts, master, mux
from towline.ssh.locking import exclusive

from .conftest import Connect
from .loopback import Loopback, fingerprint, free_port, make_key, ssh_processes, wait_until

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


def test_unknown_host_key_shows_the_fingerprint_and_is_not_accepted(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("new", known=False, StrictHostKeyChecking="no")
    with pytest.raises(HostKeyUnknown) as caught:
        connect(loopback, "new").open()
    assert f"ssh-ed25519 {fingerprint(server.host_key)}" in caught.value.cause
    assert f"[127.0.0.1]:{server.port}" in caught.value.cause
    assert "towline cluster login new" in caught.value.next_step
    assert not loopback.known_hosts.exists()


def test_changed_host_key_stops(loopback: Loopback, connect: Connect) -> None:
    server = loopback.serve("changed", known=False, StrictHostKeyChecking="no")
    loopback.accept(server, make_key(loopback.folder / "other"))
    before = loopback.known_hosts.read_text()
    with pytest.raises(HostKeyChanged) as caught:
        connect(loopback, "changed").open()
    assert fingerprint(server.host_key) in caught.value.cause
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in caught.value.next_step
    assert loopback.known_hosts.read_text() == before


def test_way_through_a_jump_host(loopback: Loopback, connect: Connect) -> None:
    gate = loopback.serve("gate")
    loopback.serve("inner", ProxyJump="gate")
    assert connect(loopback, "inner").run("echo through").stdout == "through\n"
    assert gate.connections() == 1


def test_jump_host_given_with_the_destination(loopback: Loopback, connect: Connect) -> None:
    gate = loopback.serve("gate")
    loopback.serve("inner")
    assert connect(loopback, "inner", jump="gate").run("echo through").stdout == "through\n"
    assert gate.connections() == 1


@pytest.mark.parametrize("laxness", ["no", "accept-new", "ask"])
def test_jump_hosts_key_is_verified_whatever_the_user_configured(
    loopback: Loopback, connect: Connect, laxness: str
) -> None:
    gate = loopback.serve("gate", known=False, StrictHostKeyChecking=laxness)
    loopback.serve("inner", ProxyJump="gate")
    with pytest.raises(HostKeyUnknown) as caught:
        connect(loopback, "inner").open()
    assert f"[127.0.0.1]:{gate.port}" in caught.value.cause
    assert fingerprint(gate.host_key) in caught.value.cause


def test_host_behind_a_jump_host_is_verified_too(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("gate")
    inner = loopback.serve("inner", known=False, ProxyJump="gate", StrictHostKeyChecking="no")
    with pytest.raises(HostKeyUnknown) as caught:
        connect(loopback, "inner").open()
    assert fingerprint(inner.host_key) in caught.value.cause


def test_second_jump_host_is_verified_too(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("outer")
    second = loopback.serve("second", known=False, ProxyJump="outer", StrictHostKeyChecking="no")
    loopback.serve("inner", ProxyJump="second")
    with pytest.raises(HostKeyUnknown) as caught:
        connect(loopback, "inner").open()
    assert fingerprint(second.host_key) in caught.value.cause


def test_jump_host_that_forbids_forwarding_is_named_as_the_cause(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("gate", "AllowTcpForwarding no")
    loopback.serve("inner", ProxyJump="gate")
    with pytest.raises(HostUnreachable, match="jump host lets nobody through"):
        connect(loopback, "inner").open()


def test_log_in_refused_on_the_jump_host_names_the_jump_host(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("gate", User="nobody-here")
    loopback.serve("inner", ProxyJump="gate")
    with pytest.raises(LoginRefused, match=r"user nobody-here on 127\.0\.0\.1"):
        connect(loopback, "inner").open()


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


def test_failure_is_repeated_without_connecting_until_its_back_off_is_over(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain", "AuthorizedKeysFile none")
    connection = connect(loopback, "plain")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            connection.open()
    assert server.connections() == 1


def test_fresh_attempt_connects_whatever_failed_before(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain", known=False)
    connection = connect(loopback, "plain")
    with pytest.raises(HostKeyUnknown):
        connection.open()
    loopback.accept(server)
    with pytest.raises(HostKeyUnknown, match="not repeated yet"):
        connection.open()
    connection.open(fresh=True)
    assert connection.is_open()


def test_patient_caller_waits_for_a_host_to_come_back(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    server = loopback.serve("plain")
    server.stop()

    def come_back() -> None:
        wait_until(lambda: "connection_failed" in names(events), "a failed attempt")
        server.start()

    threading.Thread(target=come_back).start()
    connect(loopback, "plain").open(timeout=30, patient=True)
    assert names(events)[-1] == "connected"


def test_patient_caller_does_not_wait_where_a_person_is_needed(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    loopback.serve("plain", known=False)
    with pytest.raises(HostKeyUnknown):
        connect(loopback, "plain").open(timeout=30, patient=True)
    assert names(events).count("connecting") == 1


def test_connections_a_minute_are_capped_over_all_processes(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain", connections_per_minute=3)
    for _ in range(3):
        subprocess.run(connection.reopen_argv(), check=True)
        connection.close()
    with pytest.raises(HostUnreachable, match="3 connections were opened within a minute"):
        connection.open(timeout=2)
    assert server.connections() == 3


def test_wait_for_the_cap_is_reported_and_ends(
    loopback: Loopback, connect: Connect, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MINUTE", 2.0)
    loopback.serve("plain")
    connection = connect(loopback, "plain", connections_per_minute=1)
    connection.open()
    connection.close()
    connection.open(timeout=20)
    assert "waiting_connection_budget" in names(events)
    assert connection.is_open()


def test_socket_of_a_killed_master_is_no_obstacle(loopback: Loopback, connect: Connect) -> None:
    """Ssh itself would go on without sharing the connection, and never end."""
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    pid = connection._master.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not connection.is_open(), "the master to be gone")
    connection.open()
    assert len(ssh_processes("-M -N -f -S " + str(connection._master.socket))) == 1


def test_master_left_without_a_socket_is_ended_when_the_next_is_closed(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    connection._master.socket.unlink()  # as a cleaner of temporary folders does
    connection.open()
    assert connection.run("echo fine").stdout == "fine\n"
    connection.close()
    path = str(connection._master.socket)
    wait_until(lambda: not ssh_processes(path), "both masters to end")


def test_frozen_master_is_replaced(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.serve("plain")
    monkeypatch.setattr(master, "GLANCE_SECONDS", 0.3)
    monkeypatch.setattr(master, "FROZEN_SECONDS", 0.5)
    connection = connect(loopback, "plain")
    connection.open()
    frozen = connection._master.pid()
    assert frozen
    os.kill(frozen, signal.SIGSTOP)
    assert connection.run("echo fine").stdout == "fine\n"
    assert connection._master.pid() != frozen


def test_killed_opener_leaves_no_lock(loopback: Loopback, connect: Connect, runtime: Path) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time\nfrom pathlib import Path\n"
            "from towline.ssh.locking import exclusive\n"
            "with exclusive(Path(sys.argv[1]), 'opening', 5):\n"
            "    print('held', flush=True)\n    time.sleep(60)",
            str(connection._master._lock),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(HostUnreachable, match=r"still busy with the connection \(opening\)"):
        connection.open(timeout=0.2)
    holder.kill()
    holder.communicate()
    connection.open()
    assert connection.is_open()


def test_open_during_a_log_in_on_another_terminal_says_so(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    with (
        exclusive(connection._master._lock, "log-in", 5),
        pytest.raises(LoginNeeded, match="logging in on another terminal"),
    ):
        connection.open(timeout=0.1)


def test_connection_ends_by_itself_after_its_last_use(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain", persist_seconds=1)
    connection.run("true")
    key = connection.destination.key
    wait_until(lambda: not ssh_processes(key), "the unused master to end")
    assert not connection.is_open()


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


def test_way_to_the_jump_host_that_the_user_shares_is_used(
    loopback: Loopback, connect: Connect
) -> None:
    """A jump host that asks for a code is asked once: by a ControlMaster of the user's own."""
    path = loopback.folder / "gate-socket"
    gate = loopback.serve("gate", ControlPath=str(path), ControlMaster="auto")
    loopback.serve("inner", ProxyJump="gate")
    own = ["ssh", "-F", str(loopback.config), "-MNf", "-o", "ControlPersist=60", "gate"]
    subprocess.run(own, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert connect(loopback, "inner").run("echo through").stdout == "through\n"
        assert gate.connections() == 1
    finally:
        mux.terminate(path, 5)


def test_second_ssh_that_found_the_socket_taken_does_not_stay(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill -9 of the process that opened, while its ssh was still on its way."""
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    first = connection._master.pid()
    with monkeypatch.context() as patch:
        patch.setattr(connection._master, "pid", lambda: None)
        patch.setattr(connection._master, "_alive_or_cleared", lambda: False)
        patch.setattr(connection._master, "_attempt", _once(connection))
        connection.open()
    assert connection._master.pid() == first
    assert list(ssh_processes("-M -N -f -S " + str(connection._master.socket))) == [first]


def _once(connection: Connection) -> Any:
    """Return an attempt after which the master is seen again."""
    attempt = connection._master._attempt

    def attempted(*arguments: Any) -> float:
        pause = attempt(*arguments)
        connection._master.pid = lambda: 1  # type: ignore[method-assign]
        return pause

    return attempted


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
