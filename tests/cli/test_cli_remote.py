"""The same commands with a server: ``--server`` and TOWLINE_SERVER, same output, same JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from client.conftest import own, served
from client.server_process import ServerProcess

from towline.client import Client

__all__ = ["own", "served"]


class There:
    """Runs a command on the server, as somebody who has only its address and a key."""

    def __init__(self, served: ServerProcess, key: str) -> None:
        self._served = served
        self._key = key

    def __call__(self, *words: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it in a Towline home where there is nothing."""
        away = str(self._served.home / "elsewhere")
        given = {"TOWLINE_SERVER": self._served.url, "TOWLINE_API_KEY": key or self._key}
        return self._served.towline(*words, TOWLINE_HOME=away, **given)


@pytest.fixture(scope="module")
def there(served: ServerProcess) -> There:
    return There(served, served.make_key("read", "run", "clusters", "workflows"))


@pytest.fixture(scope="module")
def run_number(there: There) -> str:
    done = there("workflow", "run", "greet", "-i", "name=Ann")

    assert (done.returncode, done.stdout) == (0, "hello Ann\n")
    assert "succeeded" in done.stderr
    return done.stderr.split("run ", 1)[1].split()[0]


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
    there: There, served: ServerProcess, run_number: str, words: tuple[str, ...]
) -> None:
    """JSON has the same names; what is shown to people is the same text."""
    asked = [word.format(run=run_number) for word in words]
    far, near = there(*asked), served.towline(*asked)

    assert far.returncode == near.returncode == 0, far.stderr
    if "--json" not in words:
        assert far.stdout == near.stdout
        return
    far_data, near_data = json.loads(far.stdout), json.loads(near.stdout)
    places = {"folder", "page", "file"}  # where it lies: a path here, an address there
    if isinstance(far_data, list):
        assert [set(each) - places for each in far_data] == [
            set(each) - places for each in near_data
        ]
    else:
        assert set(far_data) - places == set(near_data) - places


def test_a_detached_run_is_cancelled_and_deleted_from_afar(there: There, tmp_path) -> None:
    started = there("workflow", "run", "waits", "-i", f"gate={tmp_path / 'g'}", "-d", "--quiet")
    number = started.stdout.strip()

    assert f"run {number} cancelled; leftovers: none\n" == there("run", "cancel", number).stdout
    assert "had ended before: cancelled" in there("run", "cancel", number).stdout
    assert there("run", "delete", number).stdout == f"run {number} deleted\n"
    assert there("run", "show", number).returncode == 6


def test_a_run_that_fails_has_its_exit_code_and_its_streams(there: There) -> None:
    done = there("workflow", "run", "fails", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (1, "so far\n", "no luck\n")


def test_a_script_is_refused_and_runs_here_when_here_is_meant(there: There, tmp_path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("print('here')")

    refused = there("run", str(script))
    here = there("run", "-q", str(script), "--server", "none")

    assert refused.returncode == 2
    assert "a server runs workflows" in refused.stderr
    assert "towline workflow run" in refused.stderr
    assert (here.returncode, here.stdout) == (0, "here\n")


def test_wrong_inputs_a_wrong_key_and_no_server_have_three_exit_codes(
    there: There, served: ServerProcess
) -> None:
    inputs = there("workflow", "run", "greet", "-i", "nam=Ann")
    key = there("run", "list", key="tl_wrong_" + "x" * 43)
    away = served.towline("run", "list", "--server", "localhost:1", TOWLINE_API_KEY="tl_a_b")

    assert (inputs.returncode, key.returncode, away.returncode) == (2, 9, 8)
    assert "nam" in inputs.stderr
    assert "the API key is not accepted" in key.stderr
    assert "towline up" in away.stderr


def test_a_workflow_of_this_machine_is_installed_there(there: There, tmp_path) -> None:
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


def test_a_cluster_is_defined_checked_and_removed_there(there: There) -> None:
    added = there("cluster", "add", "second", "--type", "local", "--json")

    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["usable"] is True
    assert "second" in there("cluster", "list").stdout
    assert there("cluster", "check", "second").stdout.endswith("second: ready\n")
    assert there("cluster", "remove", "second").returncode == 0
    assert there("cluster", "show", "second").returncode != 0
    assert there("cluster", "login", "here").returncode == 2


def test_a_file_field_takes_a_file_of_this_machine(there: There, tmp_path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("from afar\n")

    done = there("workflow", "run", "reads", "-i", f"file={file}", "--quiet")

    assert (done.returncode, done.stdout) == (0, "from afar\n"), done.stderr


def test_nothing_asks_a_server_when_none_is_named(own: ServerProcess) -> None:
    """Without --server the local rooms are used, as ever."""
    own.kill()
    try:
        assert own.towline("run", "list").returncode == 0
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
