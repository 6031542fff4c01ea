"""Processes told apart from later ones with the same pid."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

from towline.runs.process import Liveness, ProcessIdentity, start_mark


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def test_a_running_process_is_alive(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)

    assert identity is not None
    assert identity.look() is Liveness.ALIVE


def test_an_ended_process_is_gone_even_while_it_is_a_zombie(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert identity.look() is Liveness.GONE
    assert ProcessIdentity.of(sleeper.pid) is None


def test_a_recycled_pid_is_not_mistaken_for_the_process():
    own = ProcessIdentity.own()

    assert dataclasses.replace(own, started="12345").look() is Liveness.GONE


def test_a_process_of_before_the_machine_was_restarted_is_gone():
    assert dataclasses.replace(ProcessIdentity.own(), boot="before").look() is Liveness.GONE


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"space": "pid:[1]"}])
def test_a_process_of_another_machine_or_container_is_not_observed(elsewhere):
    identity = dataclasses.replace(ProcessIdentity.own(), **elsewhere)

    assert identity.look() is Liveness.NOT_OBSERVED


def test_an_identity_survives_being_written_down():
    own = ProcessIdentity.own()

    assert ProcessIdentity.from_dict(own.as_dict()) == own


def test_a_name_with_brackets_and_spaces_does_not_confuse_the_reading(tmp_path):
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "60"])
    try:
        mark = start_mark(process.pid)
        assert mark is not None
        assert mark.isdigit()
        assert int(mark) >= int(start_mark(os.getpid()) or 0)
    finally:
        process.kill()
        process.wait()
