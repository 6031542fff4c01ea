"""One run on one cluster, through what a scheduler does to blocks.

``python -m acceptance.run TESTBED NAME`` prints a JSON object: a check's name and
``"ok"``, or what went wrong. It is a process of its own, as Parsl loads once a process and the
schedulers' timers can then run out side by side.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import parsl

import towline
from acceptance.fakes import Fake
from acceptance.schedulers import CASES, FAKE_CASES, Case
from towline.clusters import ClusterDefinition, ClusterStore, load_facts
from towline.engine import batch
from towline.runs import RunFolder
from towline.ssh import Connection
from towline.testbed import Testbed

T = TypeVar("T")

CHECKS = ("submit", "run", "lost answer", "walltime", "node lost", "cancel", "output", "leftovers")


def until(condition: Callable[[], T | None], what: str, seconds: float = 120.0) -> T:
    """Return the first true value of a condition; say what was waited for when there is none."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


class _Ending(Exception):
    """Leaves a run while a task is under way."""


class Acceptance:
    """The checks of one scheduler, in their order."""

    def __init__(self, testbed: Testbed, case: Case) -> None:
        self.testbed = testbed
        self.case = case
        self.info = testbed.clusters[case.cluster]
        self.fake = Fake(testbed, case.cluster, case.fake) if case.fake else None
        self.results: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        """Return each check's result."""
        definition = ClusterDefinition(
            name=self.info.name,
            type=self.case.type,
            host=self.info.name,
            ssh_config=str(self.testbed.ssh_config),
            connections_per_minute=600,
        )
        ClusterStore().add(definition)
        if self.fake:
            self.fake.install()
        load_facts(definition, Connection(definition.destination()))  # it may ask for a version
        try:
            self._through_a_run()
            with self._check("leftovers"):
                assert self.remains() == []
        finally:
            Connection(definition.destination()).close()
            if self.fake:
                self.fake.remove()
        return {name: self.results.get(name, "not reached") for name in CHECKS}

    def _through_a_run(self) -> None:
        common = {"cluster": self.info.name, "packages": ["parsl"], "heartbeat_threshold": 10}
        common |= {
            "tasks_per_node": 1,
            "walltime": "00:10:00",
            "worker_init": "echo told by the job",
            **self.case.executor,
        }
        executors = {"a": common, "short": {**common, "walltime": "00:01:00", **self.case.short}}
        if self.fake:
            self.fake.set("lose-answer")
        else:
            fault = {"message": self.case.lost, "times": 1}
            self.testbed.lose_answer(self.info.name, self.case.submit, **fault)
        with contextlib.suppress(_Ending), towline.load(executors):
            with self._check("submit"):
                until(lambda: self.state("a") and self.state("short"), "both blocks in the queue")
            with self._check("lost answer"):  # at once: the short block's time is running
                assert len(self.jobs()) == 2, self.jobs()  # no submission was repeated
                assert "unanswered" in {block["state"] for block in self.blocks()}, self.blocks()
            with self._check("run"):
                assert app("a", platform.node)().result(90) in self.info.nodes
                assert app("a", os.path.expanduser)("~").result(30) == self.info.home
            limit = threading.Thread(target=self._walltime)
            limit.start()
            if self.case.short:  # it comes at once; the lost node must not be that block's
                limit.join()
            self._node_lost()
            limit.join()
            app("a", subprocess.call)(["sleep", "600"])
            raise _Ending  # Parsl then waits for no task
        with self._check("cancel"):
            ended = [block for block in self.blocks() if block["state"] == "ended"]
            outcomes = {block["outcome"] for block in ended if block["executor"] == "a"}
            lost = {"failed"} if self.case.lost_until_back else set()
            assert outcomes == {"cancelled"} | lost, ended
            assert self.jobs() == []
        with self._check("output"):
            output = RunFolder.all()[0].blocks / self.info.name / "jobs"
            for file in ("a.0.stdout", "short.0.stdout"):
                assert "told by the job" in (output / file).read_text()

    def _walltime(self) -> None:
        with self._check("walltime"):
            self.case.hasten(self.testbed, self.info.name, str(self.block("short")["job_id"]))
            until(lambda: self.state("short") == "ended", "the limit")
            block = self.block("short")
            assert block["outcome"] == "timeout", block
            assert str(block["reason"]).startswith(self.case.past_its_limit), block

    def _node_lost(self) -> None:
        with self._check("node lost"):
            lost = str(self.block("a")["nodes"])
            first = app("a", subprocess.call)(["sleep", "3"])
            with self.testbed.unplug(lost):
                if self.case.lost_until_back:
                    until(lambda: "not answer" in str(self.block("a")["reason"]), "its silence")
                else:
                    assert first.result(150) == 0
                    others = set(self.info.nodes) - {lost}
                    assert app("a", platform.node)().result(60) in others
            if self.fake:
                self.fake.boot(lost)
            assert first.result(150) == 0

    @contextlib.contextmanager
    def _check(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            self.results[name] = f"{type(error).__name__} at line {last.lineno}: {error}"
        else:
            self.results[name] = "ok"
        print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)

    # -- what the run's record and the hosts say -----------------------------------------------

    def blocks(self) -> list[dict[str, Any]]:
        """Return what was told of blocks, oldest first."""
        events = RunFolder.all()[0].events.read()
        return [event.facts for event in events if event.name == "block"]

    def block(self, label: str) -> dict[str, Any]:
        """Return what was told last of an executor's block."""
        return [block for block in self.blocks() if block["executor"] == label][-1]

    def state(self, label: str) -> str | None:
        """Return the last state of an executor's block, once it is in the scheduler's hands."""
        told = [block for block in self.blocks() if block["executor"] == label]
        good = told and told[-1]["state"] in ("queued", "running", "ended")
        return str(told[-1]["state"]) if good else None

    def jobs(self) -> list[str]:
        """Return the user's jobs, by the scheduler's own command."""
        asked = self.testbed.ssh(self.info.name, self.case.jobs).stdout
        return [line for line in asked.splitlines() if line[:8].strip()[:1].isdigit()]

    def remains(self) -> list[str]:
        """Return processes on all hosts and folders that belong to a run."""
        found = []
        for host in (self.info.controller, *self.info.nodes):
            shown = self.testbed.exec(
                host, ["ps", "-u", self.info.user, "-o", "args="], check=False
            )
            marks = (".towline", "process_worker_pool")
            found += [line for line in shown.stdout.splitlines() if any(m in line for m in marks)]
        listed = "ls -d ~/.towline/runs/* ~/towline-* ~/.towline/envs/*/.used-by/* 2>/dev/null; :"
        return found + self.testbed.ssh(self.info.name, listed).stdout.splitlines()


def app(label: str, function: Any) -> Any:
    """Return an app of one executor."""
    return parsl.python_app(function, executors=[label])


def main() -> None:
    """Run one scheduler's acceptance; print its results."""
    folder, name = sys.argv[1:]
    batch.POLL_SLOWEST = 2.0  # these schedulers are asked by nobody else
    results = Acceptance(Testbed.attach(Path(folder)), {**CASES, **FAKE_CASES}[name]).run()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
