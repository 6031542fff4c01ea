"""docs/runs.md says all that there is: commands, options, exit codes, states, files, events."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from towline import errors
from towline.cli.run import EXIT_CODES, app
from towline.runs import RunFolder, RunState
from towline.runs.view import _STEPS

DOCS = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option(name):
    if not name.startswith("<"):
        assert f"towline run {name}" in DOCS
    for param in COMMANDS[name].params:
        if param.param_type_name == "option" and name != "list" and param.name != "as_json":
            assert any(option in DOCS for option in (*param.opts, *param.secondary_opts))


@pytest.mark.parametrize("state", list(RunState))
def test_every_state(state):
    assert f"`{state.value}`" in DOCS


@pytest.mark.parametrize("event", sorted(_STEPS))
def test_every_event(event):
    assert f"`{event}`" in DOCS


def test_every_exit_code():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.TowlineError)}

    for code in codes | {0, 130, 141}:
        assert f"| {code} |" in DOCS
    for code in (codes - {7}) | {0, 130}:
        assert f"{code} " in EXIT_CODES


def test_every_file_of_a_run_folder():
    folder = RunFolder.create("a.py")
    paths = [value for value in vars(folder).values() if isinstance(value, Path)]

    for path in paths:
        if path != folder.path:
            assert path.name in DOCS
