"""Whose host key is believed, and ways through jump hosts, on real sshd processes."""

from __future__ import annotations

import subprocess

import pytest

from towline.errors import (
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginRefused,
)
from towline.ssh import mux

from .conftest import Connect
from .loopback import Loopback, fingerprint, make_key


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
