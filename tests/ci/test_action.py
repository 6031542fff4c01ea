"""The GitHub Action: its steps, run as GitHub would, against a real server."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import tomllib
import yaml
from client.server_process import ServerProcess
from packaging.requirements import Requirement

from towline import Client

from .github_runner import ROOT, GithubRunner


def test_a_workflow_is_run_and_its_results_are_handed_on(
    github: GithubRunner, own: ServerProcess
) -> None:
    """The cluster is on for the run and off again, outputs and summary are there, no key is."""
    job = github.use(workflow="greet", inputs='{"name": "Ann"}', clusters="here", timeout="1m")

    assert job.exit_code == 0, job.log
    assert job.outputs["status"] == "succeeded"
    assert job.outputs["url"].endswith(f"/runs/{job.outputs['run-id']}")
    assert "here: on" in job.log
    assert "hello Ann\n" in job.log
    assert "cluster here: switched off" in job.log
    greeting = job.workspace / job.outputs["outputs"] / "greeting.txt"
    assert greeting.read_text() == "hello Ann\n"
    assert f"run {job.outputs['run-id']}]({job.outputs['url']}) succeeded" in job.summary
    written = [path.read_text() for path in github.folder.rglob("*") if path.is_file()]
    assert not [text for text in [job.log, *written] if github.inputs["api-key"] in text]
    with Client() as client:
        client.clusters["here"].wait("off", timeout=20)
        assert client.runs[job.outputs["run-id"]].info().title == "you/yours 01234567"


def test_a_step_written_for_the_talks_system_runs_as_it_stands(
    github: GithubRunner, own: ServerProcess
) -> None:
    names = {"pw-user-host": own.url, "pw-api-key": github.inputs["api-key"]}
    github.inputs = names

    job = github.use(
        pw_user="somebody",
        resource_pool_names="here---",
        workflow_name="greet",
        workflow_parameters='{"main|name": "PW_USER"}',
    )

    assert job.exit_code == 0, job.log
    assert "hello PW_USER\n" in job.log
    assert "::warning title=Towline::pw-user is somebody" in job.log


def test_a_run_that_fails_fails_the_step_and_says_why(github: GithubRunner) -> None:
    job = github.use(workflow="fails")

    assert (job.exit_code, job.outputs["status"]) == (1, "failed")
    assert "so far\n" in job.log
    assert "::error title=Towline::run" in job.log
    assert "no luck" in job.summary


def test_a_wrong_key_is_said_at_once(github: GithubRunner) -> None:
    """It is not taken for a server, or a cluster, that is still starting."""
    github.inputs["api-key"] = "tl_wrong_" + "x" * 43

    job = github.use(workflow="greet", clusters="here", timeout="30s")

    assert (job.exit_code, job.outputs["status"]) == (9, "error")
    assert "::error title=Towline::server" in job.log
    assert "the API key is not accepted" in job.log


def test_what_is_asked_wrongly_ends_before_anything_begins(github: GithubRunner) -> None:
    assert github.use(workflow="greet", inputs="{name: Ann}").exit_code == 2
    assert github.use(workflow="greet", inputs='{"nam": "Ann"}').exit_code == 2
    assert github.use(workflow="greet", timeout="soon").exit_code == 2
    assert github.use(workflow="", clusters="").exit_code == 2
    assert github.use(workflow="gret").exit_code == 2


def test_a_cancelled_job_cancels_its_run_and_puts_its_clusters_back(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    going = github.in_background(
        workflow="waits", inputs=json.dumps({"gate": str(tmp_path / "gate")}), clusters="here"
    )
    github.wait_for("before\n")
    github.signal(signal.SIGINT)
    job = going.job()

    assert (job.exit_code, job.outputs["status"]) == (130, "cancelled")
    with Client() as client:
        assert client.runs[job.outputs["run-id"]].info().state == "cancelled"
        client.clusters["here"].wait("off", timeout=20)


def test_what_a_killed_step_has_begun_is_put_back_by_the_last_step(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    going = github.in_background(
        workflow="waits", inputs=json.dumps({"gate": str(tmp_path / "gate")}), clusters="here"
    )
    github.wait_for("before\n")
    github.signal(signal.SIGKILL)
    job = going.job()

    assert "cluster here: switched off" in job.log
    with Client() as client:
        assert client.runs[job.outputs["run-id"]].info().state == "cancelled"


def test_a_step_that_is_tried_again_takes_up_its_run(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    asked = {"workflow": "waits", "inputs": json.dumps({"gate": str(gate)})}
    going = github.in_background(**asked, finish=False)
    github.wait_for("before\n")
    github.signal(signal.SIGKILL)
    first = going.job()
    gate.touch()

    second = github.use(**asked)
    third = github.use(**asked)

    assert first.outputs["run-id"] == second.outputs["run-id"]
    assert (second.exit_code, second.outputs["status"]) == (0, "succeeded")
    assert "goes on" in second.log
    assert third.outputs["run-id"] != second.outputs["run-id"], "another use is another run"


def test_a_step_that_is_out_of_time_cancels_its_run(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    inputs = json.dumps({"gate": str(tmp_path / "gate")})

    job = github.use(workflow="waits", inputs=inputs, timeout="2s")

    assert (job.exit_code, job.outputs["status"]) == (124, "cancelled")
    with Client() as client:
        assert client.runs[job.outputs["run-id"]].info().state == "cancelled"


def test_a_cluster_that_others_use_is_left_on(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    with Client(stop_runs=True) as client:
        going = github.in_background(
            workflow="waits", inputs=json.dumps({"gate": str(tmp_path / "gate")}), clusters="here"
        )
        github.wait_for("before\n")
        other = client.workflows["uses_here"].launch(
            {"gate": str(tmp_path / "never")}, clusters={"x": "here"}
        )
        next(other.follow())
        (tmp_path / "gate").touch()
        job = going.job()

        assert job.exit_code == 0, job.log
        assert "cluster here stays on: in use by" in job.log
        assert client.clusters["here"].info().on
        other.cancel().wait(timeout=20)
        client.clusters["here"].stop().wait("off", timeout=20)


def test_a_script_can_give_the_job_no_orders(github: GithubRunner) -> None:
    """What the script prints lies between stop-commands and a token that nobody can guess."""
    job = github.use(workflow="orders")

    lines = job.log.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("::stop-commands::"))
    token = lines[begin].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert begin < lines.index("::error::from the script") < end
    assert len(token) == 32


def test_the_server_may_restart_while_the_step_follows_a_run(
    github: GithubRunner, own: ServerProcess, tmp_path: Path
) -> None:
    going = github.in_background(
        workflow="waits", inputs=json.dumps({"gate": str(tmp_path / "gate")})
    )
    github.wait_for("before\n")
    own.kill()
    (tmp_path / "gate").touch()
    own.start()
    job = going.job()

    assert (job.exit_code, job.outputs["status"]) == (0, "succeeded")
    assert job.log.count("before\n") == job.log.count("after éè") == 1


NEEDED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


@pytest.mark.parametrize("requirement", NEEDED)
def test_nothing_that_the_action_installs_floats(requirement: str) -> None:
    """After a change of pyproject.toml: scripts/action/pin."""
    wanted = Requirement(requirement)
    if wanted.marker and not wanted.marker.evaluate({"python_version": "3.11"}):
        return  # of older Pythons than the action has
    pinned = {}
    for line in (ROOT / "scripts" / "action" / "requirements.txt").read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name, _, rest = line.partition("==")
            pinned[name] = rest.split()[0]

    assert wanted.specifier.contains(pinned[wanted.name.lower().replace(".", "-")])


def test_the_action_uses_no_other_action_and_no_secret_in_a_script() -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]

    assert not [step for step in steps if "uses" in step]
    assert not [step for step in steps if "${{" in step["run"]]
