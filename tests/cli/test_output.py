"""How tables, steps and JSON look on a terminal of 80 columns and in a pipe."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from towline.cli import _output as output

from .terminal import FakeTerminal

COLUMNS = ["name", "nodes", "state"]
ROWS = [("onprem", 2, "up"), ("cloud", 12, None)]


@pytest.fixture(autouse=True)
def plain_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a terminal of 80 columns, whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def on_terminal(show: Callable[[], None], encoding: str = "utf-8") -> list[str]:
    """Return the lines that something shows on a terminal."""
    screen = FakeTerminal(encoding)
    with contextlib.redirect_stdout(screen):
        show()
    return screen.lines()


def test_a_table_in_a_pipe_has_one_plain_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, ROWS, numbers=["nodes"])
    assert capsys.readouterr().out == ("name    nodes  state\nonprem      2  up\ncloud      12\n")


def test_a_long_value_in_a_pipe_is_neither_cut_nor_wrapped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_table(["a", "b"], [("x" * 100, "y" * 100)])
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 100}  {'y' * 100}"


def test_a_table_on_a_terminal_is_wrapped_to_its_width_without_losing_a_letter() -> None:
    lines = on_terminal(lambda: output.print_table(["a", "b"], [("x" * 100, "y" * 100)]))
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("x") == 100
    assert "".join(lines).count("y") == 100


def test_values_are_never_read_as_markup() -> None:
    text = "[red]not a colour[/red] :smile:"
    assert text in on_terminal(lambda: output.print_table(["a"], [(text,)]))
    assert text in on_terminal(lambda: output.print_step("ok", "step", text))[0]


def test_a_table_without_headings_starts_with_its_first_row() -> None:
    rows = [("name", "onprem"), ("type", "slurm")]
    wanted = ["name  onprem", "type  slurm"]
    assert on_terminal(lambda: output.print_table(None, rows)) == wanted


def test_an_empty_table_says_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, [], empty="No cluster yet.")
    output.print_table(COLUMNS, [])
    assert capsys.readouterr().out == "No cluster yet.\n"


def test_json_is_json_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"path": Path("/x"), "name": "Über", "none": None})
    text = capsys.readouterr().out
    assert json.loads(text) == {"path": "/x", "name": "Über", "none": None}
    assert "Über" in text


def test_a_step_in_a_pipe_is_a_line_that_awk_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_step("fail", "connection", "no answer", seconds=1.5, next_step="check the VPN")
    line, following = capsys.readouterr().out.splitlines()
    assert line.split() == ["fail", "connection", "1.50", "s", "no", "answer"]
    assert following.split() == ["next:", "check", "the", "VPN"]


@pytest.mark.parametrize("status", list(output.MARKS))
def test_a_step_on_a_terminal_starts_with_its_mark(status: str) -> None:
    lines = on_terminal(lambda: output.print_step(status, "connection", "as it is", seconds=0.25))
    assert lines[0].startswith(f"{output.MARKS[status][0]}  connection")


def test_a_failure_on_a_terminal_keeps_commands_and_fingerprints_in_one_piece() -> None:
    fingerprint = "SHA256:9lEop0ees7mQW6rt6HuwgCwzP4FiWR3rOMIoEsl+MPQ"
    detail = f"host login.example.org is not known; it shows {fingerprint}"
    lines = on_terminal(lambda: output.print_step("fail", "connection", detail, next_step="log in"))
    assert max(map(len, lines)) <= 80
    assert any(fingerprint in line for line in lines)
    assert lines[-1] == "   next: log in"


def test_marks_become_ascii_where_the_terminal_knows_no_others() -> None:
    lines = on_terminal(lambda: output.print_step("ok", "connection", "fine"), encoding="ascii")
    assert lines[0].startswith("+  connection")


def test_progress_is_shown_on_a_terminals_stderr_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with output.working("onprem: connecting") as tell:
        tell("onprem: looking")
    assert "onprem: looking" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_progress_in_a_pipe_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with output.working("connecting") as tell:
        tell("looking")
    assert capfd.readouterr() == ("", "")


def test_a_pipe_does_not_pay_for_rich() -> None:
    program = (
        "import sys\n"
        "from towline.cli import _output\n"
        "_output.print_table(['a'], [['b']]); _output.print_step('ok', 'a', 'b')\n"
        "with _output.working('x'): pass\n"
        "sys.exit('rich.table' in sys.modules or 'rich.console' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
