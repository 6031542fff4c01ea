"""``towline workflow`` as it is typed."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """\
inputs:
  name: {default: world}
  sizes: {type: list, items: {type: integer}}
  kinds: {type: multi-choice, options: [a, b, c]}
  deep: {type: group, inputs: {n: {type: number, default: 1}}}
  token: {type: secret, required: false}
run: [python, main.py]
presets: {other: {name: preset}}
"""
SCRIPT = """\
import towline
given = towline.inputs()
print(given.name, given.sizes, given.kinds, given.deep.n, (given.get("token") or "")[::-1])
"""
SECRET = "hunter2"  # noqa: S105


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("TOWLINE_SERVER", raising=False)
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "workflow.yaml").write_text(WORKFLOW)
    (tmp_path / "flow" / "main.py").write_text(SCRIPT)
    return tmp_path


def typed(here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "towline", "workflow", *words],
        cwd=here,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_the_starter_runs_at_once(here: Path) -> None:
    assert typed(here, "new", "hello-you").returncode == 0
    done = typed(here, "run", "./hello-you", "-i", "name=ann", "-i", "times=1", "-q")
    assert done.stdout == "Hello ann.\n", done.stderr
    again = typed(here, "new", "hello-you")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_workflow_lives_in_the_catalog(here: Path) -> None:
    assert "no workflow is installed" in typed(here, "list").stdout
    assert typed(here, "add", "flow", "--name", "mine").returncode == 0
    (found,) = json.loads(typed(here, "list", "--json").stdout)
    assert (found["name"], found["version"]) == ("mine", 1)
    assert "has not changed: version 1" in typed(here, "update", "mine").stdout
    (here / "flow" / "main.py").write_text("print('new')\n")
    assert "mine version 2" in typed(here, "update", "mine").stdout
    assert typed(here, "run", "mine", "-q").stdout == "new\n"
    assert (
        "[1, 2]" in typed(here, "run", "mine", "--version", "1", "-q", "-i", "sizes=[1,2]").stdout
    )
    shown = json.loads(typed(here, "show", "mine", "--json").stdout)
    assert [version["version"] for version in shown["versions"]] == [1, 2]
    form = json.loads(typed(here, "show", "mine", "--form").stdout)
    assert form["properties"]["deep"]["properties"]["n"]["type"] == ["number", "null"]
    assert typed(here, "remove", "mine").returncode == 0
    assert "no workflow is installed" in typed(here, "run", "mine").stderr


def test_inputs_are_read_as_the_form_says(here: Path) -> None:
    (here / "more.yaml").write_text("name: from the file\nkinds: [a]\n")
    words = ["-i", "@more.yaml", "-i", "deep.n=2.5", "-i", "sizes=[1, 2]", "-i", "kinds=b,c"]
    done = typed(here, "run", "./flow", "-q", *words)
    assert done.stdout == "from the file [1, 2] ['b', 'c'] 2.5 \n", done.stderr
    assert typed(here, "run", "./flow", "-q", "--preset", "other").stdout.startswith("preset ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-i", "nme=x"], "nme is no input of this workflow; did you mean 'name'?"),
        (["-i", "name"], "is not NAME=VALUE"),
        (["-i", "sizes=1,2"], "sizes must be JSON"),
        (["-i", 'sizes=["x"]'], "sizes.0 must be a whole number, not 'x'"),
        (["-i", "@absent.yaml"], "cannot be read"),
        (["-i", f"token={SECRET}"], "token is a secret: on a command line everybody could read it"),
        (["--secret-file", "name=x"], "is not NAME=FILE with a secret"),
        (["--preset", "othr"], "did you mean 'other'"),
        (["--cluster", "x"], "is not LABEL=NAME"),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_runs(
    here: Path, words: list[str], said: str
) -> None:
    for verb in ("run", "check"):
        done = typed(here, verb, "./flow", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert SECRET not in done.stderr
    assert not (here / "home" / "state" / "runs").exists()


def test_a_secret_comes_from_a_file_or_a_variable(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "secret").write_text(f"{SECRET}\n")
    done = typed(here, "run", "./flow", "-q", "--secret-file", "token=secret")
    assert done.stdout.endswith(f"{SECRET[::-1]}\n"), done.stderr
    monkeypatch.setenv("TOWLINE_SECRET_TOKEN", SECRET)
    assert typed(here, "run", "./flow", "-q").stdout.endswith(f"{SECRET[::-1]}\n")


def test_a_needed_secret_is_asked_for_on_a_terminal_and_not_shown(here: Path) -> None:
    text = WORKFLOW.replace("type: secret, required: false", "type: secret")
    (here / "flow" / "workflow.yaml").write_text(text)
    main, end = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "towline", "workflow", "run", "./flow", "-q"],
        cwd=here,
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    seen = b""
    while b"token" not in seen:
        seen += os.read(main, 1000)
    os.write(main, f"{SECRET}\n".encode())
    stdout, _ = asking.communicate(timeout=60)
    assert stdout.decode().endswith(f"{SECRET[::-1]}\n")
    os.set_blocking(main, False)
    try:
        while block := os.read(main, 1000):
            seen += block
    except OSError:
        pass
    os.close(main)
    assert SECRET.encode() not in seen
    missing = typed(here, "run", "./flow")
    assert missing.returncode == 2
    assert "token is needed" in missing.stderr


def test_a_run_can_be_left_to_itself(here: Path) -> None:
    started = json.loads(typed(here, "run", "./flow", "--detach", "--json").stdout)
    shown = subprocess.run(
        [sys.executable, "-m", "towline", "run", "show"], capture_output=True, text=True, timeout=60
    ).stdout
    assert "workflow flow, version -" in " ".join(shown.split())
    assert "python main.py --name world" in shown
    folder = Path(started["folder"])
    assert json.loads((folder / "run.json").read_text())["workflow"]["name"] == "flow"
