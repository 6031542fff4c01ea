"""A script's own Parsl options, in a script started by nothing but its interpreter's path."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from towline.runs import RunFolder
from towline.testbed import Testbed

SCRIPT = """
import parsl
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import ThreadPoolExecutor
from parsl.monitoring import MonitoringHub

import towline


@parsl.python_app(executors=["a"], cache=True)
def once(n):
    with open("count", "a") as file:
        file.write("x")
    return n


@parsl.python_app(executors=["a"])
def count():
    return len(open("count").read())


@parsl.python_app(executors=["here"])
def here():
    import threading
    return threading.current_thread().name


@parsl.python_app(executors=["a"])
def flaky():
    import os
    if os.path.exists("flag"):
        return "second try"
    open("flag", "w").close()
    raise ValueError("first try")


if __name__ == "__main__":
    executors = {"a": {"cluster": "onprem", "packages": ["parsl"], "run_dir": "~/options",
                       "worker_init": "rm -rf ~/options/*"}}
    with towline.load(
        executors,
        more_executors=[ThreadPoolExecutor(label="here")],
        retries=1,
        memoizer=BasicMemoizer(checkpoint_mode="dfk_exit"),
        monitoring=MonitoringHub(resource_monitoring_enabled=False),
    ):
        print(once(1).result(), once(1).result(), count().result())
        print(flaky().result())
        print("here" in here().result())
"""


def test_the_users_own_parsl_options_pass_through(clusters: Testbed, tmp_path: Path) -> None:
    """Retries, app cache, checkpoint, monitoring and an executor of the user's; no PATH at all."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {"TOWLINE_HOME": os.environ["TOWLINE_HOME"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script],
        env={**environment, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1 1 1", "second try", "True"]
    folder = RunFolder.all()[0].path
    assert list(folder.glob("parsl/000/checkpoint/*"))
    with sqlite3.connect(folder / "parsl" / "monitoring.db") as database:
        assert database.execute("select count(*) from task").fetchone()[0] == 5
        blocks = database.execute("select distinct executor_label, status from block").fetchall()
    assert ("a", "RUNNING") in blocks
