"""Bring a block's job output to the workspace, where Parsl and the user look for it."""

from __future__ import annotations

from pathlib import Path

from towline.engine.blocks import Block
from towline.errors import TowlineError
from towline.ssh import Connection, quote

KEPT_BYTES = 256 * 1024
"""Of each stream: its last part, where the error is."""

_MARK = "@@towline-stderr"


def fetch_output(connection: Connection, block: Block) -> None:
    """Copy the end of a job's stdout and stderr into its local files.

    A stream that cannot be fetched leaves no file: the block's end must not wait for it.
    """
    if not (block.remote_stdout and block.local_stdout and block.job_id):
        return
    script = (
        f"tail -c {KEPT_BYTES} {quote(block.remote_stdout)} 2>/dev/null || :\n"
        f"printf '\\n{_MARK}\\n'\n"
        f"tail -c {KEPT_BYTES} {quote(block.remote_stderr)} 2>/dev/null || :\n"
    )
    try:
        answer = connection.run(script, timeout=20)
        stdout, _, stderr = answer.stdout.partition(f"\n{_MARK}\n")
        Path(block.local_stdout).parent.mkdir(parents=True, exist_ok=True)
        Path(block.local_stdout).write_text(stdout, encoding="utf-8")
        Path(block.local_stderr).write_text(stderr, encoding="utf-8")
    except (TowlineError, OSError):
        return
