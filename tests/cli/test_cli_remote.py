"""The same commands with a server: ``--server`` and TOWLINE_SERVER, same output, same JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from client.conftest import own, served
from client.server_process import ServerProcess

from towline.client import Client

from .command import Towline, make_towline

__all__ = ["own", "served"]


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs commands in this process, with the variables of one user.

    Args:
        towline: runs a command.
        patch: sets variables.
        variables: of that user.

    """

    def __init__(
        self, towline: Towline, patch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        self._towline, self._patch, self._variables = towline, patch, variables

    def __call__(self, *words: str, **more: str) -> Done:
        """Run a command; `more` are other variables."""
        with self._patch.context() as patch:
            for name in ("TOWLINE_SERVER", "TOWLINE_API_KEY"):
                patch.delenv(name, raising=False)
            for name, value in {**self._variables, **more}.items():
                patch.setenv(name, value)
            answer = self._towline(*words)
        return Done(answer.exit_code, answer.out, answer.err)


@pytest.fixture(scope="module")
def key(served: ServerProcess) -> str:
    return served.make_key("read", "run", "clusters", "workflows")


@pytest.fixture
def there(
    served: ServerProcess,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Shell:
    """Return the shell of somebody who has only the server's address and a key."""
    towline = make_towline(monkeypatch, capfd)
    away = {
        "TOWLINE_HOME": str(served.home / "elsewhere"),
        "TOWLINE_SERVER": served.url,
        "TOWLINE_API_KEY": key,
    }
    return Shell(towline, monkeypatch, away)


@pytest.fixture
def near(
    served: ServerProcess, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Shell:
    """Return the shell of the server's own user, who needs no server."""
    names = ("TOWLINE_HOME", "TOWLINE_RUNTIME_DIR")
    own = {name: served.environment[name] for name in names}
    return Shell(make_towline(monkeypatch, capfd), monkeypatch, own)


@pytest.fixture(scope="module")
def run_number(served: ServerProcess, key: str) -> str:
    client = Client(served.url, key)
    run = client.workflows["greet"].launch({"name": "Ann"})
    assert run.wait(timeout=60).ok
    client.close()
    return str(run.number)


def test_a_workflow_is_run_and_shown_as_it_writes(there: Shell) -> None:
    done = there("workflow", "run", "greet", "-i", "name=Ann")

    assert (done.returncode, done.stdout) == (0, "hello Ann\n")
    assert "succeeded" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", "list", "--state", "succeeded", "--json"),
        ("run", "show", "{run}", "--json"),
        ("run", "logs", "{run}"),
        ("run", "tasks", "{run}", "--json"),
        ("run", "timeline", "{run}"),
        ("workflow", "list", "--json"),
        ("workflow", "show", "greet", "--json"),
        ("cluster", "list", "--json"),
        ("cluster", "show", "here", "--json"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_command_shows_on_a_server_what_it_shows_there(
    there: Shell, near: Shell, run_number: str, words: tuple[str, ...]
) -> None:
    """JSON has the same names; what is shown to people is the same text."""
    asked = [word.format(run=run_number) for word in words]
    far, here = there(*asked), near(*asked)

    assert far.returncode == here.returncode == 0, far.stderr
    if "--json" not in words:
        assert far.stdout == here.stdout
        return
    far_data, near_data = json.loads(far.stdout), json.loads(here.stdout)
    places = {"folder", "page", "file"}  # where it lies: a path here, an address there
    if isinstance(far_data, list):
        assert [set(each) - places for each in far_data] == [
            set(each) - places for each in near_data
        ]
    else:
        assert set(far_data) - places == set(near_data) - places


def test_a_detached_run_is_cancelled_and_deleted_from_afar(there: Shell, tmp_path) -> None:
    started = there("workflow", "run", "waits", "-i", f"gate={tmp_path / 'g'}", "-d", "--quiet")
    number = started.stdout.strip()

    assert f"run {number} cancelled; leftovers: none\n" == there("run", "cancel", number).stdout
    assert "had ended before: cancelled" in there("run", "cancel", number).stdout
    assert there("run", "delete", number).stdout == f"run {number} deleted\n"
    assert there("run", "show", number).returncode == 6


def test_ctrl_c_cancels_the_run_that_it_follows(served: ServerProcess, key: str, tmp_path) -> None:
    words = ["workflow", "run", "waits", "-i", f"gate={tmp_path / 'g'}", "--title", "ctrl-c"]
    command = subprocess.Popen(
        [sys.executable, "-m", "towline", *words, "--server", served.url],
        env={**served.environment, "TOWLINE_API_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "before\n"
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)

    assert command.returncode == 130
    assert re.search(r"run \d+ cancelled in .*, leftovers: none", err)


def test_a_run_that_fails_has_its_exit_code_and_its_streams(there: Shell) -> None:
    done = there("workflow", "run", "fails", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (1, "so far\n", "no luck\n")


@pytest.mark.parametrize("words", ["list onprem", "gc onprem", "lock executors.json"])
def test_environments_are_looked_after_from_here(there: Shell, words: str) -> None:
    """Not silently on other clusters than those of the server that is named."""
    refused = there("env", *words.split())
    assert refused.returncode == 2
    assert "from the machine that you type on" in refused.stderr
    assert "--server none" in refused.stderr


def test_a_script_is_refused_and_runs_here_when_here_is_meant(there: Shell, tmp_path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("print('here')")

    refused = there("run", str(script))
    here = there("run", "-q", str(script), "--server", "none")

    assert refused.returncode == 2
    assert "a server runs workflows" in refused.stderr
    assert "towline workflow run" in refused.stderr
    assert (here.returncode, here.stdout) == (0, "here\n")


def test_wrong_inputs_a_wrong_key_and_no_server_have_three_exit_codes(
    there: Shell, near: Shell
) -> None:
    inputs = there("workflow", "run", "greet", "-i", "nam=Ann")
    key = there("run", "list", TOWLINE_API_KEY="tl_wrong_" + "x" * 43)
    away = near("run", "list", "--server", "localhost:1", TOWLINE_API_KEY="tl_a_b")

    assert (inputs.returncode, key.returncode, away.returncode) == (2, 9, 8)
    assert "nam" in inputs.stderr
    assert "the API key is not accepted" in key.stderr
    assert "towline up" in away.stderr


def test_a_workflow_of_this_machine_is_installed_there(there: Shell, tmp_path) -> None:
    folder = tmp_path / "mine"
    made = there("workflow", "new", str(folder))
    added = there("workflow", "add", str(folder))
    folder.joinpath("notes.txt").write_text("x")

    assert made.returncode == added.returncode == 0, added.stderr
    assert "mine version 1" in added.stdout
    assert there("workflow", "check", "mine", "-i", "times=2").returncode == 0
    assert there("workflow", "check", "mine", "-i", "times=0").returncode == 2
    assert there("workflow", "run", "mine", "--quiet").stdout == "Hello world.\n" * 3
    assert there("workflow", "remove", "mine").returncode == 0


def test_a_cluster_is_defined_checked_and_removed_there(there: Shell) -> None:
    added = there("cluster", "add", "second", "--type", "local", "--json")

    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["usable"] is True
    assert "second" in there("cluster", "list").stdout
    assert there("cluster", "check", "second").stdout.endswith("second: ready\n")
    assert there("cluster", "remove", "second").returncode == 0
    assert there("cluster", "show", "second").returncode != 0
    assert there("cluster", "login", "here").returncode == 2


def test_a_file_field_takes_a_file_of_this_machine(there: Shell, tmp_path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("from afar\n")

    done = there("workflow", "run", "reads", "-i", f"file={file}", "--quiet")

    assert (done.returncode, done.stdout) == (0, "from afar\n"), done.stderr


def test_nothing_asks_a_server_when_none_is_named(own: ServerProcess, near: Shell) -> None:
    """Without --server the local rooms are used, as ever."""
    own.kill()
    try:
        assert near("run", "list").returncode == 0
        with pytest.raises(Exception, match="nobody answers"):
            Client().me()
    finally:
        own.start()


@pytest.mark.parametrize("words", ["towline ", "towline run ", "towline workflow run --ser"])
def test_the_shell_completes_commands_and_options(own: ServerProcess, words: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [Path(sys.executable).with_name("towline")],
        env={**os.environ, "_TOWLINE_COMPLETE": "complete_bash", **asked},
        capture_output=True,
        text=True,
    )
    expected = {"towline ": "workflow", "towline run ": "show"}.get(words, "--server")
    assert expected in done.stdout.split()
