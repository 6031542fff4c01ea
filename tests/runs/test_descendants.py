"""Which processes belong to a run; ending real ones is in test_supervisor."""

from __future__ import annotations

from towline.runs.descendants import Process, belonging

SUPERVISOR = 10
SCRIPT = 20


def process(pid, parent, *, session=None, arguments=("python",), marked=False):
    return Process(pid, parent, pid if session is None else session, arguments, marked)


def members(*table, sessions=(SCRIPT,), ancestor=SUPERVISOR):
    return {found.pid for found in belonging(table, sessions=sessions, ancestor=ancestor)}


def test_the_script_and_its_children_belong_but_not_the_supervisor():
    assert members(
        process(SUPERVISOR, 1),
        process(SCRIPT, SUPERVISOR),
        process(21, SCRIPT, session=SCRIPT),
        process(99, 1),
    ) == {SCRIPT, 21}


def test_a_daemon_that_the_kernel_handed_to_the_supervisor_belongs():
    assert members(process(SUPERVISOR, 1), process(30, SUPERVISOR), process(31, 30)) == {30, 31}


def test_with_the_supervisor_gone_the_mark_tells():
    table = [process(30, 1, marked=True), process(31, 30), process(32, 1)]

    assert members(*table, sessions=(), ancestor=None) == {30, 31}


def test_with_the_supervisor_gone_the_session_of_a_living_script_tells():
    table = [process(SCRIPT, 1), process(30, 1, session=SCRIPT), process(31, 1)]

    assert members(*table, ancestor=None) == {SCRIPT, 30}


def test_shared_ssh_connections_and_what_serves_them_are_left_alone():
    """Other runs use them, and a person may have typed a code for them."""
    command = ("/usr/bin/ssh", "-F", "/run/x.conf", "-M", "-N", "-f", "-S", "/run/x", "host")
    assert (
        members(
            process(30, SUPERVISOR, arguments=command, marked=True),
            process(31, 30, arguments=("ssh", "-W", "host:22", "jump"), marked=True),
            process(32, SUPERVISOR, arguments=("ssh: /run/x [mux]",), marked=True),
        )
        == set()
    )


def test_an_ordinary_ssh_of_the_script_is_ended():
    assert members(process(30, SUPERVISOR, arguments=("ssh", "host", "sleep", "9"))) == {30}


def test_other_runs_that_the_script_has_started_are_left_alone():
    inner = ("python", "-m", "towline.runs.supervisor", "/runs/2")
    assert (
        members(
            process(30, SUPERVISOR, arguments=inner, marked=True),
            process(31, 30, session=31),
            process(32, 31, session=31),
        )
        == set()
    )


def test_a_table_with_a_loop_does_not_hang():
    """Pids are read one after the other: a recycled one may close a circle."""
    assert members(process(30, 31), process(31, 30)) == set()
