"""The ways to log in: key only, key and code, noisy account, bastion; and what sshd forbids."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from towline.testbed import Testbed


def ssh(testbed: Testbed, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ssh with the testbed's configuration."""
    return subprocess.run(
        ["ssh", "-F", str(testbed.ssh_config), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        timeout=30,
    )


def answer_with(tmp_path: Path, text: str) -> dict[str, str]:
    """Return settings that let ssh get its answers from a program."""
    program = tmp_path / "answer"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o700)
    return {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}


@pytest.mark.parametrize("cluster", ["onprem", "cloud"])
def test_otp_user_gets_in_with_key_and_code(testbed: Testbed, cluster: str, tmp_path: Path) -> None:
    """The user ``otp`` is asked for a code after the key was accepted."""
    done = ssh(
        testbed, "-l", "otp", cluster, "id -un", **answer_with(tmp_path, testbed.one_time_code)
    )
    assert (done.returncode, done.stdout) == (0, "otp\n")


def test_otp_user_is_refused_with_a_wrong_code(testbed: Testbed, tmp_path: Path) -> None:
    """The key alone, or a wrong code, does not do."""
    once = ("-o", "NumberOfPasswordPrompts=1", "-l", "otp", "onprem", "true")
    wrong = ssh(testbed, *once, **answer_with(tmp_path, "12345"))
    nobody_there = ssh(testbed, "-o", "BatchMode=yes", *once)
    for done in (wrong, nobody_there):
        assert done.returncode == 255
        assert "Permission denied (keyboard-interactive)" in done.stderr


def test_ordinary_user_is_never_asked(testbed: Testbed, tmp_path: Path) -> None:
    """Without the key, the other users are refused at once: there is no code for them."""
    no_key = ("-o", "IdentityFile=/dev/null", "-o", "PubkeyAuthentication=no")
    done = ssh(testbed, *no_key, "onprem", "true", **answer_with(tmp_path, testbed.one_time_code))
    assert "Permission denied (publickey)" in done.stderr


@pytest.mark.parametrize("user", ["root", "stranger"])
def test_root_and_unknown_users_are_refused(testbed: Testbed, user: str) -> None:
    """Nobody but the cluster's users gets in."""
    assert "Permission denied" in testbed.ssh("cloud", "true", user=user, check=False).stderr


def test_noisy_user_gets_noise_on_both_streams(testbed: Testbed) -> None:
    """``~/.bashrc`` prints before the command's own output, sshd shows a banner."""
    done = testbed.ssh("onprem", "echo answer", user="noisy")
    assert done.stdout == "Welcome to the noisy site!\nno newline at the endanswer\n"
    assert "*** This is a noisy site." in done.stderr
    assert "Quota: 97% used" in done.stderr


def test_unknown_host_key_is_refused(testbed: Testbed, tmp_path: Path) -> None:
    """The hosts' keys are known through the configuration only."""
    done = ssh(testbed, "-o", f"UserKnownHostsFile={tmp_path}/none", "onprem", "true")
    assert "Host key verification failed" in done.stderr


@pytest.mark.parametrize("cluster", ["onprem", "cloud"])
def test_jump_through_the_gate(testbed: Testbed, cluster: str) -> None:
    """``NAME-via-gate`` reaches the controller through the bastion."""
    assert testbed.ssh(f"{cluster}-via-gate", "hostname").stdout == f"{cluster}-ctl\n"


def test_cloud_forbids_every_forwarding(testbed: Testbed) -> None:
    """On ``cloud`` neither -R nor -W gets through."""
    strict = ("-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes")
    backwards = ssh(testbed, *strict, "-R", "0:127.0.0.1:9", "cloud", "true")
    assert "remote port forwarding failed" in backwards.stderr
    onwards = ssh(testbed, *strict, "-W", "127.0.0.1:22", "cloud")
    assert "stdio forwarding failed" in onwards.stderr


def test_onprem_binds_forwarded_ports_to_loopback_only(testbed: Testbed) -> None:
    """On ``onprem`` -R works, but (GatewayPorts no) the nodes cannot use the port."""
    shown = ssh(testbed, "-R", "172.20.0.1:55123:127.0.0.1:9", "onprem", "ss -ltnH | grep 55123")
    assert [line.split()[3] for line in shown.stdout.splitlines()] == ["127.0.0.1:55123"]
