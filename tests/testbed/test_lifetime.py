"""A testbed ends with who started it, whatever happens, and nothing of it remains."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from towline.errors import TestbedError
from towline.testbed import Testbed
from towline.testbed.control import supervisor_pid

pytestmark = pytest.mark.usefixtures("testbed_can_run")

HOLDER = """
import json, sys, time
from towline.testbed import Testbed
tell = lambda **news: print(json.dumps(news), flush=True)
with Testbed(sys.argv[1], progress=lambda text: tell(progress=text)):
    tell(up=True)
    time.sleep(600)
"""
NAMESPACES = ("net", "mnt", "pid", "uts", "ipc")


def hold(folder: Path) -> subprocess.Popen[str]:
    """Start another process that holds a testbed."""
    argv = [sys.executable, "-c", HOLDER, str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def hear(holder: subprocess.Popen[str], word: str) -> None:
    """Wait until the other process says a word."""
    assert holder.stdout
    for line in holder.stdout:
        if word in line:
            return
    raise AssertionError(f"the holder ended before it said {word!r}")


def processes_below(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def namespaces_of(processes: list[psutil.Process]) -> set[str]:
    """Return the names of the namespaces that processes live in, without our own."""
    seen: set[str] = set()
    for process in processes:
        for kind in NAMESPACES:
            try:
                seen.add(str(Path(f"/proc/{process.pid}/ns/{kind}").readlink()))
            except OSError:  # ended meanwhile
                continue
    return seen - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in NAMESPACES}


def assert_all_gone(processes: list[psutil.Process], namespaces: set[str]) -> None:
    """Wait until no process lives, neither one of these nor one in these namespaces.

    Only processes of this moment count: the kernel gives a dead namespace's number to a new one.
    """
    everybody = [process for process in psutil.process_iter() if process.pid > 2]
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    survivors = [process for process in everybody if process.is_running()]
    assert not namespaces & namespaces_of(survivors)


def test_nothing_remains_after_the_with_block(tmp_path: Path) -> None:
    """Leaving the block ends all processes and removes the folder."""
    folder = tmp_path / "state"
    with Testbed(folder, accounting=False):
        processes = processes_below(supervisor_pid(folder))
        namespaces = namespaces_of(processes)
        assert len(processes) > 20
        assert len(namespaces) > 20
    assert not folder.exists()
    assert_all_gone(processes, namespaces)


@pytest.mark.parametrize("moment", ["booting", "up"])
def test_nothing_runs_after_kill_9_of_its_holder(tmp_path: Path, moment: str) -> None:
    """``kill -9`` of the process that holds a testbed ends the testbed, also while it boots."""
    folder = tmp_path / "state"
    holder = hold(folder)
    hear(holder, moment)
    processes = processes_below(holder.pid)
    namespaces = namespaces_of(processes)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert len(processes) > 3
    assert_all_gone(processes, namespaces)
    assert not any((folder / "hosts").iterdir()), "the hosts' disks are gone with their mounts"


def test_nothing_runs_after_kill_9_of_its_supervisor(tmp_path: Path) -> None:
    """``kill -9`` of the supervisor ends every host; the holder is told, and cleans up."""
    folder = tmp_path / "state"
    with Testbed(folder, accounting=False) as testbed:
        processes = processes_below(supervisor_pid(folder))
        namespaces = namespaces_of(processes)
        processes[0].kill()
        assert_all_gone(processes, namespaces)
        with pytest.raises(TestbedError, match="is not up"):
            testbed.status()
    assert not folder.exists()


def test_folder_of_a_killed_testbed_can_be_used_again(tmp_path: Path) -> None:
    """What a killed testbed left on disk is no obstacle; two at once in one folder are refused."""
    folder = tmp_path / "state"
    holder = hold(folder)
    hear(holder, "booting")
    holder.kill()
    holder.wait()
    with Testbed(folder, accounting=False):
        with pytest.raises(TestbedError, match="is up already"):
            Testbed(folder).up()
        assert Testbed.attach(folder).ssh("onprem", "id -un").stdout == "jdoe\n"


def test_several_testbeds_at_once(testbed: Testbed, tmp_path: Path) -> None:
    """Two testbeds with the same addresses do not meet."""
    with Testbed(tmp_path / "second", accounting=False) as second:
        testbed.ssh("onprem", "echo first > whose")
        second.ssh("onprem", "echo second > whose")
        assert testbed.ssh("onprem", "cat whose; rm whose").stdout == "first\n"
        second.cut("onprem")
        assert testbed.ssh("onprem", "srun hostname").returncode == 0


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder that holds something else is not taken."""
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(TestbedError, match="holds something else"):
        Testbed(tmp_path).up()
    with pytest.raises(TestbedError, match="is not up"):
        Testbed(tmp_path).down()
    assert (tmp_path / "thesis.tex").exists()


def test_command_line_leaves_a_testbed_running_and_takes_it_down(tmp_path: Path) -> None:
    """``up`` returns with the testbed running; ``exec`` and ``ssh`` reach it; ``down`` ends it."""

    def towline(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "towline", "testbed", *words]
        settings = {"TOWLINE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        return subprocess.run(argv, capture_output=True, text=True, env=settings, timeout=60)

    assert towline("status").returncode == 7
    up = towline("up")
    assert up.returncode == 0, up.stderr
    assert f"next: ssh -F {tmp_path}/state/testbed/ssh_config onprem sinfo" in up.stdout
    assert towline("exec", "--user", "demo", "cloud-n1", "--", "id", "-un").stdout == "demo\n"
    assert towline("ssh", "onprem", "hostname").stdout == "onprem-ctl\n"
    assert "next: towline testbed restore cloud" in towline("cut", "cloud").stdout
    status = json.loads(towline("status", "--json").stdout)
    assert status["clusters"]["cloud"]["cut"]
    refused = towline("unplug", "nothing")
    assert refused.returncode == 7
    assert "no host nothing; there are onprem-ctl" in refused.stderr
    processes = processes_below(supervisor_pid(tmp_path / "state/testbed"))
    assert json.loads(towline("down", "--json").stdout)["there_was"]
    assert_all_gone(processes, set())
    assert towline("down").stdout == "No testbed was up.\n"


def test_end_with_another_process(tmp_path: Path) -> None:
    """With ``end_with`` a testbed lives exactly as long as the process of that number."""
    other = subprocess.Popen(["sleep", "600"])
    testbed = Testbed(tmp_path / "state", end_with=other.pid)
    testbed.up()
    processes = processes_below(supervisor_pid(testbed.folder))
    other.kill()
    other.wait()
    assert_all_gone(processes, set())
    testbed.down()
    with pytest.raises(TestbedError, match=r"process \d+: cannot be watched"):
        Testbed(tmp_path / "state", end_with=other.pid).up()
