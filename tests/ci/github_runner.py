"""Stands in for GitHub's runner: runs the steps of action.yml as it does, commands and all.

Real: the steps' own text, bash with GitHub's options, the files behind GITHUB_OUTPUT and
GITHUB_STEP_SUMMARY, the signals of a cancelled job. Not there: GitHub, and expressions beyond those
that action.yml uses.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STEP_SECONDS = 60


@dataclass
class Job:
    """What became of the action in a job."""

    exit_code: int
    log: str
    outputs: dict[str, str]
    summary: str
    workspace: Path


@dataclass
class GithubRunner:
    """One attempt of one job.

    Args:
        folder: of the job.
        inputs: of the action, for every use.

    """

    folder: Path
    inputs: dict[str, str]
    attempt: int = 1
    running: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)
    said: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.action = yaml.safe_load((ROOT / "action.yml").read_text())
        self.temp, self.workspace = self.folder / "temp", self.folder / "work"
        self.temp.mkdir()
        self.workspace.mkdir()

    def use(self, finish: bool = True, **given: str) -> Job:
        """Run the action to its end.

        Args:
            finish: run the steps that always run, too; without: the machine died.
            given: inputs, with _ for -.

        """
        inputs = self._inputs(given)
        self.log.clear()
        exit_code, results = 0, {}
        summary = self.temp / "summary.md"
        summary.write_text("")
        for step in self.action["runs"]["steps"]:
            always = step.get("if") == "always()"
            if (exit_code and not always) or (always and not finish):
                continue
            if not always and "if" in step and not self._true(step["if"], inputs):
                continue
            output = self.temp / "output.txt"
            output.write_text("")
            code = self._step(step, inputs, output, summary)
            exit_code = exit_code or code
            if "id" in step:
                results[step["id"]] = read_output(output.read_text())
        outputs = {
            name: self._text(facts["value"], inputs, results)
            for name, facts in self.action["outputs"].items()
        }
        text = "".join(self.log)
        return Job(exit_code, text, outputs, summary.read_text(), self.workspace)

    def in_background(self, **given: Any) -> Running:
        """Run the action in a thread, so that a test can cancel it."""
        return Running(self, given)

    def wait_for(self, words: str) -> None:
        """Wait until the log has these words."""
        with self.said:
            assert self.said.wait_for(lambda: words in "".join(self.log), STEP_SECONDS), (
                f"{words!r} is not in:\n{''.join(self.log)}"
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the step that runs: SIGINT is what a cancelled job's step gets."""
        assert self.running is not None
        self.running.send_signal(number)

    def _inputs(self, given: dict[str, str]) -> dict[str, str]:
        known = self.action["inputs"]
        asked = {**self.inputs, "python": sys.executable}
        asked |= {name.replace("_", "-"): value for name, value in given.items()}
        assert set(asked) <= set(known), "GitHub would warn of an unknown input"
        return {name: asked.get(name, facts.get("default", "")) for name, facts in known.items()}

    def _step(
        self, step: dict[str, Any], inputs: dict[str, str], output: Path, summary: Path
    ) -> int:
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        own = {name: self._text(value, inputs, {}) for name, value in step["env"].items()}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOWLINE", "GITHUB"))}
        environment = {
            **kept,
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "you/yours",
            "GITHUB_RUN_ID": "77001",
            "GITHUB_RUN_ATTEMPT": str(self.attempt),
            "GITHUB_JOB": "simulate",
            "GITHUB_ACTION": f"__you_towline_{step.get('id', 'run')}",
            "GITHUB_SHA": "0123456789abcdef",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self.temp),
            **own,
        }
        self.running = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.running.stdout is not None
        for line in self.running.stdout:
            with self.said:
                self.log.append(line)
                self.said.notify_all()
        return self.running.wait(STEP_SECONDS)

    def _true(self, condition: str, inputs: dict[str, str]) -> bool:
        name, _, value = condition.partition(" == ")
        return self._value(name, inputs, {}) == value.strip("'")

    def _text(self, text: str, inputs: dict[str, str], results: dict[str, Any]) -> str:
        return re.sub(
            r"\$\{\{ *(.*?) *\}\}", lambda found: self._value(found[1], inputs, results), text
        )

    def _value(self, words: str, inputs: dict[str, str], results: dict[str, Any]) -> str:
        for word in words.split(" || "):
            kind, _, name = word.partition(".")
            if kind == "inputs":
                found = inputs[name]
            elif kind == "steps":
                step, _, name = name.partition(".outputs.")
                found = results.get(step, {}).get(name, "")
            else:
                found = {
                    "github.action_path": str(ROOT),
                    "runner.temp": str(self.temp),
                    "strategy.job-index": "0",
                }[word]
            if found:
                return str(found)
        return ""


class Running:
    """An action that runs."""

    def __init__(self, runner: GithubRunner, given: dict[str, Any]) -> None:
        self._jobs: list[Job] = []
        self._thread = threading.Thread(target=lambda: self._jobs.append(runner.use(**given)))
        self._thread.start()

    def job(self) -> Job:
        """Return what became of it."""
        self._thread.join(STEP_SECONDS)
        assert self._jobs, "the action did not end"
        return self._jobs[0]


def read_output(text: str) -> dict[str, str]:
    """Return a step's outputs, of which the last of a name counts."""
    return dict(line.split("=", 1) for line in text.splitlines())
