"""Each task of a real script has its rows, whatever its executor and its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from towline.runs import RunFolder
from towline.runs.tasks import TaskTry, read_tries

SCRIPT = """
import parsl, towline
from parsl.executors import ThreadPoolExecutor

@parsl.python_app(executors=["a"])
def double(n): return 2 * n

@parsl.python_app(executors=["a"])
def broken(): raise ValueError("no good")

@parsl.python_app(executors=["a"])
def odd():
    class Odd(Exception):
        def __init__(self, a, b): super().__init__(a)
    raise Odd(1, 2)

@parsl.python_app(executors=["a"], cache=True)
def cached(n): return n

@parsl.bash_app(executors=["a"])
def shell(): return "exit 3"

@parsl.join_app
def joined(): return double(21)

@parsl.python_app(executors=["threads"])
def near(n): return 1 / n

@parsl.python_app(executors=["threads"])
def stubborn(count=[]):
    count.append(1)
    if len(count) < 2: raise OSError("not yet")

def use(**options):
    executors = {"a": {"cluster": "local", "tasks_per_node": 2, "cores_per_worker": 0.1}}
    threads = ThreadPoolExecutor(label="threads")
    with towline.load(executors, more_executors=[threads], **options) as dfk:
        first = cached(7)
        print("cached", first.result(), cached(7).result(), first.task_record["hashsum"])
        failed = broken()
        futures = [double(1), failed, shell(), joined(), near(1), near(0), double(failed),
                   stubborn()]
        if options.get("task_records", True):  # without, plain Parsl hangs at this error
            futures.append(odd())
        for future in futures:
            error = future.exception()
            print(future.task_record["func_name"],
                  future.result() if error is None else type(error).__name__)
        print("direct", dfk.executors["a"].submit(abs, {}, -4).result())

if __name__ == "__main__":
    use(retries=1)
    use(retries=1, task_records=False)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Run the script once, with and without records; return its output and its home."""
    folder = tmp_path_factory.mktemp("records")
    (folder / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "TOWLINE_HOME": str(folder / "home")}
    environment.pop("TOWLINE_RUN", None)
    done = subprocess.run(
        [sys.executable, folder / "script.py"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), folder / "home"


@pytest.fixture
def tries(written: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch) -> list[TaskTry]:
    """Return what the first half of the script has left."""
    monkeypatch.setenv("TOWLINE_HOME", str(written[1]))
    return read_tries(RunFolder.open(1).tasks, over=True)


def test_results_and_errors_reach_the_script_as_without_records(
    written: tuple[list[str], Path],
) -> None:
    """The same values, the same types of errors, the same keys of the app cache."""
    lines = written[0]
    assert lines[9:11] == ["odd DeserializationError", "direct 4"]
    assert lines[:9] + lines[10:11] == lines[11:]


def test_every_end_of_a_task_is_told(tries: list[TaskTry]) -> None:
    """Done, failed, skipped, remembered; joins and threads of the workspace, too."""
    found = sorted((each.app, each.number, each.state.value, each.error) for each in tries)
    assert found == [
        ("abs", 1, "done", ""),
        ("broken", 1, "failed", "ValueError"),
        ("broken", 2, "failed", "ValueError"),
        ("cached", 1, "done", ""),
        ("cached", 1, "remembered", ""),
        ("double", 1, "done", ""),
        ("double", 1, "done", ""),
        ("double", 1, "skipped", "DependencyError"),
        ("joined", 1, "done", ""),
        ("near", 1, "done", ""),
        ("near", 1, "failed", "ZeroDivisionError"),
        ("near", 2, "failed", "ZeroDivisionError"),
        ("odd", 1, "failed", "DeserializationError"),
        ("odd", 2, "failed", "DeserializationError"),
        ("shell", 1, "failed", "BashExitFailure"),
        ("shell", 2, "failed", "BashExitFailure"),
        ("stubborn", 1, "failed", "OSError"),
        ("stubborn", 2, "done", ""),
    ]


def test_what_ran_on_workers_was_measured(tries: list[TaskTry]) -> None:
    """Worker, processor and memory of each; of threads, only what the workspace sees."""
    for each in tries:
        measured = each.executor == "a" and each.state.value in ("done", "failed")
        assert (each.seconds is not None) == measured, each
        assert (each.worker in ("0", "1")) == measured
        assert each.cluster == "local"
        assert each.ended is not None
        assert each.launched is not None
        assert each.launched <= each.ended


def test_without_records_nothing_is_written(
    written: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch is of the call."""
    monkeypatch.setenv("TOWLINE_HOME", str(written[1]))
    assert [run.tasks.is_dir() for run in RunFolder.all()] == [False, True]
