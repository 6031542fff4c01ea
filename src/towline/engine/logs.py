"""Bring the workers' logs home before their folder on the cluster is removed."""

from __future__ import annotations

from pathlib import Path

from towline.engine.ledger import Report
from towline.errors import NoSpace, TowlineError
from towline.ssh import Connection, quote

LOGS_LIMIT = 64 << 20
"""Bytes of workers' logs fetched from one cluster at most."""


def fetch_logs(connection: Connection, folder: str, to: Path, report: Report, cluster: str) -> None:
    """Bring the workers' logs to the workspace; say so when that fails or they are too large."""
    size = connection.run(
        f"cd {quote(folder)}/logs 2>/dev/null && find . -type f | grep -q . && du -sk . | cut -f1\n"
    ).stdout.strip()
    if not size.isdigit():
        return
    try:
        if int(size) * 1024 > LOGS_LIMIT:
            raise NoSpace("logs", f"{int(size) // 1024} MB is more than {LOGS_LIMIT >> 20} MB")
        connection.fetch_tree(f"{folder}/logs", to)
    except TowlineError as error:
        report("warning", cluster=cluster, text=f"workers' logs were not fetched: {error.cause}")
