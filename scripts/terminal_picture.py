"""Run a command in a terminal and save what it leaves on the screen as an SVG picture.

Example::

    .venv/bin/python scripts/terminal_picture.py docs/img/demo.svg -- towline demo
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import shlex
import struct
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH, HEIGHT = 84, 60
"""Columns and rows of the terminal."""

CURSOR_UP, CLEAR_BELOW = re.compile(r"\x1b\[(\d*)A"), "\x1b[J"
PIECES = re.compile(r"(\x1b\[\d*A|\x1b\[J|\r\n|\r|\n)")
DEMO_HOME = re.compile(r"(/towline-demo)-\w+")

THEME = TerminalTheme(
    background=(22, 27, 34),
    foreground=(214, 222, 230),
    normal=[
        *((72, 79, 88), (255, 123, 114), (86, 211, 128), (227, 179, 65)),
        *((121, 192, 255), (210, 168, 255), (86, 212, 221), (177, 186, 196)),
    ],
)


def main() -> None:
    """Run the command, and write the picture when it succeeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("command", nargs="+")
    parser.add_argument("--shown", help="what to show as the command, when not the command itself")
    options = parser.parse_args()
    written, code = run_in_terminal(options.command)
    if code:
        sys.exit(f"{shlex.join(options.command)} ended with exit code {code}; no picture is made")
    shown = options.shown or shlex.join(options.command)
    lines = [f"$ \x1b[1m{shown}\x1b[0m", *screen_lines(written)]
    options.picture.write_text(picture(lines, title=shown), encoding="utf-8")


def run_in_terminal(command: list[str]) -> tuple[str, int]:
    """Run a command in a terminal of its own; return all that it wrote, and its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        os.environ.update(
            TERM="xterm-256color", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        )
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    written = bytearray()
    try:
        while data := os.read(terminal, 1 << 16):
            written += data
    except OSError:
        pass  # Linux says EIO when the last writer has closed the terminal
    _, status = os.waitpid(pid, 0)
    return written.decode(), os.waitstatus_to_exitcode(status)


def screen_lines(written: str) -> list[str]:
    """Return the lines that remain, colours included, once cursor movements are carried out."""
    lines, row = [""], 0
    for piece in PIECES.split(written):
        if up := CURSOR_UP.fullmatch(piece):
            row = max(0, row - int(up[1] or 1))
        elif piece == CLEAR_BELOW:
            del lines[row:]
        elif piece in ("\n", "\r\n"):
            row += 1
        elif piece != "\r":
            while len(lines) <= row:
                lines.append("")
            lines[row] += piece
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    return [DEMO_HOME.sub(r"\1", line) for line in lines]


def picture(lines: list[str], title: str) -> str:
    """Return lines with terminal colours as SVG; it loads nothing from anywhere."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in [*lines, ""]:  # the last line is cut off at its foot
        console.print(Text.from_ansi(line))
    svg = console.export_svg(title=title, theme=THEME, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL) + "\n"


if __name__ == "__main__":
    main()
