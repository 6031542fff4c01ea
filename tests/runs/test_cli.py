"""`towline run …` in pipes: words, streams, JSON and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from towline.clusters import ClusterStore, define
from towline.runs import RunFolder
from towline.runs.using import runs_using

from .conftest import alive, event_of, until, wait_for_event, wait_for_output

READY = "print('ready', flush=True)\n"
WAIT = "import time\nwhile True: time.sleep(60)\n"


def test_the_scripts_streams_pass_through_and_status_goes_to_stderr(towline, script):
    path = script("import sys\nprint('out', sys.argv[1:])\nprint('err', file=sys.stderr)")

    done = towline("run", path, "--", "--n", "5")

    assert done.returncode == 0
    assert done.stdout == "out ['--n', '5']\n"
    assert "err\n" in done.stderr
    others = [line for line in done.stderr.splitlines() if line != "err"]
    assert all(line.startswith("towline: ") for line in others)
    assert "leftovers: none" in done.stderr


def test_a_script_that_fails_has_exit_code_1_and_shows_its_traceback(towline, script):
    done = towline("run", script("1 / 0"))

    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "because    ZeroDivisionError: division by zero" in done.stderr


def test_an_error_of_towlines_has_its_exit_code_and_no_traceback(towline, script):
    done = towline(
        "run",
        script(
            "from towline.errors import SubmitRefused\n"
            "from towline.runs import attach\n"
            "attach()\nraise SubmitRefused('onprem/ex', 'no such partition', 'use compute')\n"
        ),
    )

    assert done.returncode == 4
    assert "error: onprem/ex: no such partition\n  next: use compute\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_options_may_stand_before_the_script(towline, script):
    done = towline("run", "--quiet", script("print(1)"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_script_named_like_a_verb_needs_its_folder(towline, tmp_path):
    (tmp_path / "list").write_text("print('my script')")

    assert "my script" in towline("run", "./list").stdout
    assert "my script" not in towline("run", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.py"], "nothing.py: there is no such file"),
        (["lits"], "next: towline run list"),
        (["bad.py"], "bad.py:1: is not Python: '(' was never closed: x = ("),
        (["good.py", "--cluster", "x"], "--cluster x: is not LABEL=NAME"),
        (["good.py", "--cluster", "x=nowhere"], "cluster nowhere"),
        (["good.py", "--executors", "none.json"], "none.json: cannot be read"),
        (["good.py", "--python", "/no/python"], "there is no such program"),
        (["good.py", "--mine"], "The script's own arguments go behind --: -- --mine"),
    ],
)
def test_wrong_input_is_refused_before_a_run_is_made(towline, tmp_path, arguments, words):
    (tmp_path / "bad.py").write_text("x = (")
    (tmp_path / "good.py").write_text("")

    done = towline("run", *arguments)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", "").split()) or words in done.stderr
    assert RunFolder.all() == []


def test_json_is_the_events_and_the_output(towline, script):
    done = towline("run", script("print('hi')"), "--json")

    records = [json.loads(line) for line in done.stdout.splitlines()]
    names = [record["event"] for record in records]
    output = records.pop(names.index("output"))
    assert (output["stream"], output["text"]) == ("stdout", "hi")
    assert [record["event"] for record in records] == [
        *("created", "starting", "running", "script_ended", "ended"),
    ]
    assert records[-1]["exit_code"] == done.returncode == 0
    assert done.stderr == ""


def test_wrong_input_is_json_too_when_asked_for(towline):
    done = towline("run", "nothing.py", "--json")

    assert json.loads(done.stdout)["error"] == "DefinitionError"
    assert done.returncode == 2


def test_a_detached_run_goes_on_alone_and_is_followed_cancelled_and_shown(towline, script):
    done = towline("run", "-d", script(READY + WAIT))
    assert done.returncode == 0
    assert done.stdout.startswith("run 1 started\n")
    folder = RunFolder.open(1)
    wait_for_output(folder, "ready")

    assert towline("run", "list").stdout.split("\n")[1].split()[:2] == ["1", "running"]
    done = towline("run", "cancel", "1")

    assert (done.returncode, done.stdout) == (0, "run 1 cancelled; leftovers: none\n")
    assert not alive(event_of(folder, "running").facts["pid"])
    assert "cancelled" in towline("run", "show", "1").stdout
    again = towline("run", "cancel", "1")
    assert (again.returncode, again.stdout) == (0, "run 1 had ended before: cancelled\n")


def test_a_detached_start_prints_what_programs_need(towline, script):
    path = script("")

    assert towline("run", "-d", "-q", path).stdout == "1\n"
    facts = json.loads(towline("run", "--detach", "--json", path).stdout)
    assert facts["run"] == 2
    assert facts["tag"].startswith("r2-")
    for number in (1, 2):
        wait_for_event(RunFolder.open(number), "ended")


def test_logs_are_printed_as_they_were_written(towline, script):
    towline("run", "-q", script("import os\nos.write(1, b'a\\nb')\nos.write(2, b'c')"))

    assert towline("run", "logs", "1").stdout == "a\nb"
    assert towline("run", "logs", "--stderr").stdout == "c"


def test_empty_logs_point_to_the_other_ones(towline, script):
    towline("run", "-q", script("import sys\nprint('x', file=sys.stderr)"))

    assert "towline run logs 1 --stderr" in towline("run", "logs").stderr


def test_following_logs_ends_with_the_run(towline, script, tmp_path):
    go = tmp_path / "go"
    path = script(READY + until(go) + "print('last')\n")
    towline("run", "-d", path)
    follower = subprocess.Popen(
        [sys.executable, "-m", "towline", "run", "logs", "-f"], stdout=subprocess.PIPE, text=True
    )
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    go.touch()

    assert follower.communicate(timeout=30)[0] == "last\n"
    assert follower.returncode == 0


def test_output_of_a_block_is_printed_under_its_name(towline, script):
    towline("run", "-q", script(""))
    (RunFolder.open(1).blocks / "ex.0.stdout").write_text("from the block\n")

    assert towline("run", "logs", "--block", "ex.0").stdout == (
        "==> ex.0.stdout <==\nfrom the block\n"
    )
    missing = towline("run", "logs", "--block", "other")
    assert missing.returncode == 6
    assert "there are: ex.0.stdout" in missing.stderr


SHOWN = """
from towline.runs import attach
r = attach().report
r("cluster_connecting", cluster="onprem")
r("cluster_connected", cluster="onprem", seconds=0.21)
r("environment", cluster="onprem", state="ready", cached=True, seconds=0.1)
b = dict(cluster="onprem", executor="ex", block=0, job_id="17")
r("block", **b, state="queued", reason="Priority")
r("block", **b, state="ended", outcome="failed", reason="NODE_FAIL")
r("warning", cluster="onprem", text="squeue is slow")
"""


def test_show_says_what_ran_where_how_long_and_what_came_of_it(towline, script):
    path = script(SHOWN)
    towline("run", "-q", path, "--", "--n", "5")

    shown = towline("run", "show").stdout

    assert shown.startswith("run 1  succeeded in ")
    for words in (
        f"  script     {path} --n 5",
        "  leftovers  none",
        "onprem   connecting   0.2 s",
        "onprem   environment  0.1 s  cached",
        "failed: NODE_FAIL",
        "warning: onprem: squeue is slow",
    ):
        assert words in shown


def test_show_for_programs(towline, script):
    towline("run", "-q", script(SHOWN))

    shown = json.loads(towline("run", "show", "--json").stdout)

    assert (shown["number"], shown["state"], shown["exit_code"]) == (1, "succeeded", 0)
    assert shown["executors"]["ex"]["blocks"]["0"]["outcome"] == "failed"


def test_the_list_is_filtered_and_limited(towline, script):
    for text in ("", "raise SystemExit(1)", ""):
        towline("run", "-q", script(text))

    rows = towline("run", "list").stdout.splitlines()
    assert rows[0].split() == ["run", "state", "started", "took", "tasks", "clusters", "script"]
    assert [row.split()[0] for row in rows[1:]] == ["3", "2", "1"]
    failed = json.loads(towline("run", "list", "--state", "failed", "--json").stdout)
    assert [run["number"] for run in failed] == [2]
    assert len(towline("run", "list", "-n", "1").stdout.splitlines()) == 2


def test_an_empty_list_says_how_to_begin(towline):
    assert towline("run", "list").stdout == "no runs yet; start one: towline run SCRIPT\n"


@pytest.mark.parametrize("verb", ["show", "logs", "cancel", "leftovers", "delete"])
def test_a_run_that_does_not_exist(towline, verb):
    done = towline("run", verb, "99")

    assert done.returncode == 6
    assert done.stderr == "error: run 99: there is no such run\n  next: towline run list\n"


def test_a_run_without_clusters_has_no_leftovers(towline, script):
    towline("run", "-q", script(""))

    done = towline("run", "leftovers", "1")
    assert (done.returncode, done.stdout) == (0, "leftovers: none\n")
    assert json.loads(towline("run", "leftovers", "--json").stdout) == []


def test_what_a_run_still_uses_is_not_removed(towline, script):
    RunFolder.create("a.py")

    done = towline("run", "leftovers", "1", "--remove")
    assert done.returncode == 6
    assert "has not ended" in done.stderr


def test_an_ended_run_is_deleted(towline, script):
    towline("run", "-q", script(""))

    assert towline("run", "delete", "1").stdout == "run 1 deleted\n"
    assert RunFolder.all() == []


def test_a_reader_who_leaves_does_not_end_the_run(script, tmp_path):
    go = tmp_path / "go"
    text = READY + until(go) + "print('more', flush=True)\n" + until(go.with_name("end"))
    process = subprocess.Popen(
        [sys.executable, "-m", "towline", "run", str(script(text))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    go.touch()

    assert "run 1 goes on: towline run show 1" in process.stderr.read()
    assert process.wait(30) == 141
    process.stderr.close()
    go.with_name("end").touch()
    assert wait_for_event(RunFolder.open(1), "ended").facts["state"] == "succeeded"


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="a full disk needs root (a small tmpfs in a mount namespace)",
)
def test_a_full_disk_is_said_in_words_and_the_run_still_ends(script, tmp_path):
    path = script("while True: print('x' * 100_000)")
    state = tmp_path / "home"
    state.mkdir()
    command = (
        'mount -t tmpfs -o size=2m tmpfs "$1" && "$2" -m towline run -q "$3" >/dev/null;'
        ' echo "exit $?"; "$2" -m towline run list'
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", str(state), sys.executable, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "exit 1" in done.stdout
    assert "the disk that holds the run folder is full" in done.stderr
    assert "failed" in done.stdout


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="a full disk needs root (a small tmpfs in a mount namespace)",
)
def test_a_run_is_not_begun_on_a_full_disk(script, tmp_path):
    state = tmp_path / "home"
    state.mkdir()
    command = (
        'mount -t tmpfs -o size=64k tmpfs "$1"; dd if=/dev/zero of="$1/x" bs=4k 2>/dev/null;'
        ' "$2" -m towline run "$3"; echo "exit $?"'
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", str(state), sys.executable, str(script(""))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "exit 6\n"
    assert "cannot be made: No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [["--executors", "mine.json"], []])
def test_clusters_of_the_definitions_are_in_use_before_the_script_loads_them(
    towline, script, tmp_path, arguments
):
    """Named by option, or beside the script as executors.json."""
    name = arguments[1] if arguments else "executors.json"
    (tmp_path / name).write_text('{"one": {"CLUSTER": "onprem"}, "two": {"CLUSTER": "local"}}')
    ClusterStore().add(define("onprem", host="onprem.example.org"))
    path = script(READY + WAIT)
    assert towline("run", "-d", *arguments, path).returncode == 0
    assert runs_using("onprem") == [1]
    assert towline("run", "cancel", "1").returncode == 0
    assert runs_using("onprem") == []
