"""Logging in on a terminal, where OpenSSH itself asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from towline.ssh import Connection, Destination
from towline.testbed import Testbed

from .conftest import Connect
from .loopback import Loopback, fingerprint, make_key, ssh_processes, wait_until
from .pseudo_terminal import LOGIN, PseudoTerminal, log_in

Person = Callable[..., PseudoTerminal]


@pytest.fixture
def person() -> Iterator[Person]:
    """Return a person who logs in to a connection; the window closes at the end."""
    windows: list[PseudoTerminal] = []

    def sits_down(connection: Connection, *more: str) -> PseudoTerminal:
        windows.append(log_in(connection.destination.to_json(), *more))
        return windows[-1]

    yield sits_down
    for window in windows:
        window.close()


def test_unknown_host_is_shown_with_its_fingerprint_and_accepted_by_the_person(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    server = loopback.serve("new", known=False)
    connection = connect(loopback, "new")
    terminal = person(connection)
    terminal.expect(fingerprint(server.host_key).replace("+", r"\+"))
    terminal.expect(r"\(yes/no")
    terminal.type("yes")
    terminal.expect("logged in")
    assert terminal.wait() == 0
    assert f"[127.0.0.1]:{server.port}" in loopback.known_hosts.read_text()
    assert connection.run("echo hello").stdout == "hello\n"
    assert server.connections() == 1


def test_person_who_says_no_is_not_connected(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    loopback.serve("new", known=False)
    connection = connect(loopback, "new")
    terminal = person(connection)
    terminal.expect(r"\(yes/no")
    terminal.type("no")
    terminal.expect("cluster new: ssh has said above why the log-in failed")
    assert terminal.wait() == 3
    assert not connection.is_open()
    assert not loopback.known_hosts.exists()


def test_every_hop_is_shown_at_log_in(loopback: Loopback, connect: Connect, person: Person) -> None:
    loopback.serve("gate", known=False, StrictHostKeyChecking="no")
    loopback.serve("inner", known=False, ProxyJump="gate", StrictHostKeyChecking="no")
    connection = connect(loopback, "inner")
    terminal = person(connection)
    for name in ("gate", "inner"):
        terminal.expect(rf"\[127\.0\.0\.1\]:{loopback.servers[name].port}")
        terminal.expect(r"\(yes/no")
        terminal.type("yes")
    terminal.expect("logged in")
    assert connection.run("echo through").stdout == "through\n"


def test_passphrase_of_a_key_is_asked_for(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    key = make_key(loopback.folder / "locked-key", "open sesame")
    loopback.serve("locked", f"AuthorizedKeysFile {key}.pub")
    connection = connect(loopback, "locked", identity_file=key)
    terminal = person(connection)
    terminal.expect(r"passphrase for key '.*/locked-key'")
    terminal.type("open sesame")
    terminal.expect("logged in")
    assert connection.run("echo hello").stdout == "hello\n"


def test_connection_outlives_the_window_and_ctrl_c(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    """The jump host's ssh, too, is out of the reach of the terminal's signals."""
    loopback.serve("gate")
    loopback.serve("inner", ProxyJump="gate")
    connection = connect(loopback, "inner")
    terminal = person(connection, "stay")
    terminal.expect("go on?")
    before = connection._master.pid()
    terminal.interrupt("KeyboardInterrupt")
    terminal.close()
    assert connection.run("echo still here").stdout == "still here\n"
    assert connection._master.pid() == before


def test_ctrl_c_at_the_question_gives_up_and_leaves_nothing(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    loopback.serve("new", known=False)
    connection = connect(loopback, "new")
    terminal = person(connection)
    terminal.expect(r"\(yes/no")
    terminal.interrupt("ssh has said above")
    assert terminal.wait() == 3
    wait_until(lambda: not ssh_processes(connection.destination.key), "ssh to end")


def test_log_in_when_already_connected_asks_nothing(
    loopback: Loopback, connect: Connect, person: Person
) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    terminal = person(connection)
    terminal.expect("logged in")
    assert server.connections() == 1


def test_log_in_without_a_terminal_says_where_to_do_it(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("plain")
    json = connect(loopback, "plain").destination.to_json()
    done = subprocess.run(
        [sys.executable, "-c", LOGIN, json],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert "a log-in needs a terminal" in done.stdout
    assert "type in a terminal: towline cluster login plain" in done.stdout


def test_unattended_use_never_asks_even_with_a_terminal_at_hand(
    loopback: Loopback, connect: Connect
) -> None:
    """A jump host's ssh would ask on the terminal; its session has none."""
    loopback.serve("gate", known=False)
    loopback.serve("inner", ProxyJump="gate")
    connection = connect(loopback, "inner")
    terminal = PseudoTerminal(*connection.reopen_argv())
    try:
        assert terminal.wait() == 3
        terminal.expect("is not known; it shows ssh-ed25519 SHA256:")
        assert "yes/no" not in terminal.seen
    finally:
        terminal.close()


@pytest.mark.parametrize("cluster", ["onprem", "cloud"])
def test_one_time_code_is_asked_for_once_and_serves_everybody(
    testbed: Testbed, cluster: str, person: Person
) -> None:
    """A real sshd with a second factor behind the key."""
    destination = Destination(cluster, cluster, user="otp", config_file=testbed.ssh_config)
    connection = Connection(destination)
    terminal = person(connection)
    try:
        terminal.expect("(?i)code|password|verification")
        terminal.type(testbed.one_time_code)
        terminal.expect("logged in")
        terminal.close()
        assert Connection(destination).run("id -un").stdout == "otp\n"
        assert subprocess.run(connection.reopen_argv(), check=True).returncode == 0
    finally:
        connection.close()
