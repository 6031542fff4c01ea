"""Real supervisors with real scripts: every way in which a script can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from towline.runs import RunFolder
from towline.runs.folder import VARIABLE

from .conftest import alive, event_of, pid_in, wait_for_event, wait_for_output

READY = "print('ready', flush=True)\n"
WAIT = "import time\nwhile True: time.sleep(60)\n"


@pytest.fixture
def run(script, supervise):
    """Supervise a script and return the run's folder."""

    def start(text, *argv, sweep="clean", **options):
        folder = RunFolder.create(script(text), argv, **options)
        supervise(folder, sweep)
        return folder

    return start


@pytest.fixture
def ending(run):
    """Supervise a script to its end; return the folder and the facts of the end."""

    def start(text, *argv, **options):
        folder = run(text, *argv, **options)
        return folder, wait_for_event(folder, "ended").facts

    return start


def states(folder):
    names = ("created", "starting", "running", "cancelling", "ended")
    return [event.name for event in folder.events.read() if event.name in names]


def is_ready(folder):
    wait_for_output(folder, "ready")


def read(path):
    return path.read_text() if path.exists() else ""


def cancel(folder):
    keeper = folder.keeper()
    assert keeper is not None
    os.kill(keeper.pid, signal.SIGTERM)


def test_a_script_that_succeeds(ending):
    folder, end = ending("print('hello')\nimport sys\nprint('oh', file=sys.stderr)")

    assert (end["state"], end["exit_code"], end["leftovers"]) == ("succeeded", 0, [])
    assert states(folder) == ["created", "starting", "running", "ended"]
    assert read(folder.stdout_log) == "hello\n"
    assert read(folder.stderr_log) == "oh\n"
    assert folder.events.last().name == "ended"


def test_the_script_gets_its_arguments_its_run_its_folder_and_no_terminal(ending, tmp_path):
    folder, end = ending(
        f"import os, sys\n"
        f"print(sys.argv[1:], os.environ['{VARIABLE}'], os.getcwd(), sys.stdin.read() == '')",
        "--n",
        "two words; $(x)",
        cwd=tmp_path,
    )

    assert end["state"] == "succeeded"
    assert read(folder.stdout_log).split("] ") == [
        "['--n', 'two words; $(x)'",
        f"{folder.path} {tmp_path} True\n",
    ]


def test_a_script_that_raises(ending):
    folder, end = ending("def f():\n    raise ValueError('no good')\nf()")

    assert (end["state"], end["exit_code"]) == ("failed", 1)
    assert end["reason"] == "ValueError: no good (the script ended with exit code 1)"
    assert event_of(folder, "script_ended").facts == {"exit_code": 1, "signal": None}


def test_a_script_that_leaves_with_an_exit_code_of_its_own(ending):
    folder, end = ending("import sys; sys.exit(3)")

    assert (end["state"], end["exit_code"]) == ("failed", 1)
    assert event_of(folder, "script_ended").facts["exit_code"] == 3


def test_a_script_that_is_killed(ending):
    _, end = ending("import os; os.kill(os.getpid(), 9)")

    assert end["state"] == "failed"
    assert end["reason"] == "the script was killed by signal 9 (SIGKILL)"


def test_a_script_with_an_error_of_towlines_is_told_by_its_words_and_exit_code(ending):
    folder, end = ending(
        "from towline.runs import attach\n"
        "from towline.errors import HostUnreachable\n"
        "attach()\n"
        "raise HostUnreachable('cluster onprem', 'connection refused', 'towline cluster check')\n"
    )

    assert (end["state"], end["exit_code"]) == ("failed", 3)
    assert end["reason"] == "cluster onprem: connection refused"
    assert read(folder.stderr_log) == (
        "error: cluster onprem: connection refused\n  next: towline cluster check\n"
        "  at: script0.py:4\n"
    )


def test_a_script_without_any_output(ending):
    folder, end = ending("")

    assert end["state"] == "succeeded"
    assert (read(folder.stdout_log), read(folder.stderr_log)) == ("", "")


def test_not_a_byte_of_much_output_is_lost(ending):
    folder, end = ending(
        "import os\nblock = bytes(range(256)) * 4096\nfor _ in range(40): os.write(1, block)"
    )

    assert end["state"] == "succeeded"
    assert folder.stdout_log.read_bytes() == bytes(range(256)) * 4096 * 40


def test_an_interpreter_that_is_not_there(ending):
    _, end = ending("print(1)", python="/no/such/python")

    assert (end["state"], end["exit_code"]) == ("failed", 2)
    assert "/no/such/python: No such file" in end["reason"]


def test_another_interpreter_runs_the_script(ending, tmp_path):
    python = tmp_path / "other-python"
    python.symlink_to(sys.executable)
    folder, end = ending("import sys; print(sys.orig_argv[0])", python=str(python))

    assert end["state"] == "succeeded"
    assert read(folder.stdout_log) == f"{python}\n"


def test_a_cancelled_script_may_clean_up_and_is_waited_for(run):
    folder = run(
        "try:\n"
        "    print('ready', flush=True)\n"
        "    import time; time.sleep(600)\n"
        "finally:\n"
        "    print('cleaned', flush=True)\n"
    )
    is_ready(folder)
    cancel(folder)

    end = wait_for_event(folder, "ended").facts
    assert (end["state"], end["exit_code"]) == ("cancelled", 130)
    assert states(folder) == ["created", "starting", "running", "cancelling", "ended"]
    assert "cleaned" in read(folder.stdout_log)


def test_a_cancelled_script_that_ignores_ctrl_c_is_terminated(run):
    ignore = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    folder = run(ignore + READY + WAIT)
    is_ready(folder)
    cancel(folder)

    end = wait_for_event(folder, "ended").facts
    assert end["reason"] == "the script was killed by signal 15 (SIGTERM): Ctrl-C did not end it"


def test_a_cancelled_script_that_ignores_everything_is_killed(run):
    ignore = "import signal\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\n"
    folder = run(ignore + READY + WAIT)
    is_ready(folder)
    cancel(folder)

    end = wait_for_event(folder, "ended").facts
    assert end["reason"] == "the script was killed by signal 9 (SIGKILL): Ctrl-C did not end it"
    sent = [event.facts["text"] for event in folder.events.read() if event.name == "cleanup"]
    assert sent == ["sent SIGINT", "sent SIGTERM", "sent SIGKILL"]


def test_ctrl_c_is_for_the_script_alone_which_ends_its_children_in_its_own_order(run):
    """Parsl hangs for long when its interchange is interrupted before it is."""
    folder = run(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "try:\n"
        "    print('ready', flush=True)\n"
        "    import time; time.sleep(600)\n"
        "finally:\n"
        "    child.communicate(b'now\\n')\n"
        "    print('child', child.returncode, flush=True)\n"
    )
    is_ready(folder)
    cancel(folder)

    wait_for_event(folder, "ended")
    assert "child 0" in read(folder.stdout_log)


def test_an_interrupted_script_with_clusters_shows_no_traceback(run):
    folder = run("from towline.runs import attach\nattach()\n" + READY + WAIT)
    is_ready(folder)
    cancel(folder)

    end = wait_for_event(folder, "ended").facts
    assert (end["state"], end["reason"]) == ("cancelled", "")
    assert read(folder.stderr_log) == "interrupted at script0.py:5\n"


def test_cancelling_twice_is_cancelling_once(run):
    folder = run(READY + WAIT)
    is_ready(folder)
    cancel(folder)
    cancel(folder)

    wait_for_event(folder, "ended")
    assert states(folder).count("cancelling") == 1


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {more}
        with open(sys.argv[1], "w") as file: file.write(f"{{os.getpid()}}\\n")
        time.sleep(600)
    os._exit(0)
os.wait()
while not (os.path.exists(sys.argv[1]) and open(sys.argv[1]).read().endswith("\\n")):
    time.sleep(0.01)
"""


@pytest.mark.parametrize(
    "more",
    [
        "pass",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "os.environ.clear()\n        "
        "os.execv('/bin/sh', ['sh', '-c', f'echo $$ > {sys.argv[1]}; sleep 600'])",
    ],
    ids=["plain", "ignores SIGTERM", "another program without the run's mark"],
)
def test_a_daemon_that_the_script_leaves_is_ended(ending, tmp_path, more):
    _, end = ending(DAEMON.format(more=more), str(tmp_path / "pid"))

    assert end["state"] == "succeeded"
    assert not alive(pid_in(tmp_path / "pid"))


def test_children_of_a_killed_script_are_ended(ending, tmp_path):
    _, end = ending(
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[1], 'w').write(f'{child.pid}\\n')\n"
        "os.kill(os.getpid(), 9)\n",
        str(tmp_path / "pid"),
    )

    assert end["state"] == "failed"
    assert not alive(pid_in(tmp_path / "pid"))


def test_a_shared_ssh_connection_that_the_script_opened_outlives_it(ending, tmp_path):
    """A stand-in that looks like OpenSSH's master in the process table."""
    master = tmp_path / "ssh"
    master.symlink_to(sys.executable)
    (tmp_path / "master.py").write_text(
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n"
        "time.sleep(600)\n"
    )
    _, end = ending(
        f"import subprocess, sys, os, time\n"
        f"subprocess.run([{str(master)!r}, {str(tmp_path / 'master.py')!r}, *sys.argv[1:]])\n"
        f"while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n",
        str(tmp_path / "pid"),
        "-M",
    )
    pid = pid_in(tmp_path / "pid")
    try:
        assert end["state"] == "succeeded"
        assert alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_run_inside_a_run_goes_on_when_the_outer_one_has_ended(ending, tmp_path):
    (tmp_path / "inner.py").write_text(READY + WAIT)
    _, end = ending(
        f"import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-m', 'towline', 'run', '-d', "
        f"{str(tmp_path / 'inner.py')!r}], check=True)\n"
    )
    inner = RunFolder.open(2)
    is_ready(inner)

    assert end["state"] == "succeeded"
    assert event_of(inner, "ended") is None
    cancel(inner)
    assert wait_for_event(inner, "ended").facts["state"] == "cancelled"


def test_what_the_ledger_has_open_is_swept_and_then_nothing_is_left(ending):
    folder, end = ending(
        "from towline.runs import attach\n"
        "entry = attach().ledger.intend('job', 'onprem', name='tl')\n"
    )

    assert (end["state"], end["leftovers"]) == ("succeeded", [])
    assert folder.ledger.open_entries() == []


LEAVE = "from towline.runs import attach\nattach().ledger.intend('job', 'onprem', job_id='17')\n"


def test_a_cluster_that_is_back_at_the_second_try_leaves_nothing(ending):
    folder, end = ending(LEAVE, sweep="second")

    assert (end["exit_code"], end["leftovers"]) == (0, [])
    assert "trying again" in event_of(folder, "cleanup").facts["text"]


def test_what_cannot_be_removed_is_named(ending):
    _, end = ending(LEAVE, sweep="remains")

    assert (end["state"], end["exit_code"]) == ("succeeded", 6)
    (left,) = end["leftovers"]
    assert (left["cluster"], left["kind"], left["what"]) == ("onprem", "job", "17")


def test_a_clean_up_that_breaks_does_not_keep_the_run_from_ending(ending):
    folder, end = ending(LEAVE, sweep="raises")

    assert end["exit_code"] == 6
    assert "not observed" in end["leftovers"][0]["detail"]
    assert len(folder.ledger.open_entries()) == 1


def test_the_end_counts_the_tasks_and_names_the_clusters(ending):
    _, end = ending(
        "from towline.runs import attach\n"
        "run = attach()\n"
        "run.report('cluster_connecting', cluster='onprem')\n"
        "run.report('progress', done=2, failed=1, total=3)\n"
    )

    assert end["tasks"] == {"done": 2, "failed": 1, "total": 3}
    assert end["clusters"] == ["onprem"]


def test_two_runs_at_once_do_not_touch_each_other(run, tmp_path):
    first = run(READY + WAIT)
    second = run(READY + WAIT)
    is_ready(first)
    is_ready(second)
    cancel(first)

    assert wait_for_event(first, "ended").facts["state"] == "cancelled"
    assert event_of(second, "ended") is None
    assert alive(int(event_of(second, "running").facts["pid"]))


def test_a_second_supervisor_for_a_run_leaves_at_once(run, supervise):
    folder = run(READY + WAIT)
    is_ready(folder)
    before = folder.keeper()

    second = subprocess.run(
        [sys.executable, "-m", "towline.runs.supervisor", "--reap", str(folder.path)], timeout=60
    )

    assert second.returncode == 0
    assert folder.keeper() == before
    assert states(folder) == ["created", "starting", "running"]
