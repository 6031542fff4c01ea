"""Remove what a run left on its clusters, by its ledger; the way out after anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from towline.clusters import ClusterDefinition, load_facts
from towline.engine.ledger import Ledger, Report
from towline.engine.leftovers import Leftover, find, remove
from towline.engine.logs import fetch_logs
from towline.engine.site_names import run_folder_on
from towline.errors import TowlineError
from towline.ssh import Connection


def sweep(ledger: Ledger, tag: str, blocks: Path, report: Report) -> list[Leftover]:
    """Remove whatever a run's ledger says may exist; return what still does.

    May be called at any time and again: what is gone is only crossed out. A cluster that cannot
    be reached keeps its entries open; its agent's lease removes what it can without us.

    Args:
        tag: the run's.
        blocks: folder on the workspace for the logs that are fetched first.

    """
    by_cluster: dict[str, list[Any]] = {}
    for entry in ledger.open_entries():
        by_cluster.setdefault(entry.cluster, []).append(entry)
    if not by_cluster:
        return []
    with ThreadPoolExecutor(len(by_cluster)) as pool:
        parts = pool.map(
            lambda item: _sweep_cluster(item[0], item[1], ledger, tag, blocks, report),
            by_cluster.items(),
        )
        return [leftover for part in parts for leftover in part]


def _sweep_cluster(
    cluster: str, entries: list[Any], ledger: Ledger, tag: str, blocks: Path, report: Report
) -> list[Leftover]:
    stated = next((e.facts["definition"] for e in entries if "definition" in e.facts), None)
    if stated is None:  # nothing was made there: the folder's entry comes first
        for entry in entries:
            ledger.removed(entry.id)
        return []
    report("cleanup", cluster=cluster, step="removing what the run left")
    try:
        definition = ClusterDefinition.model_validate(stated)
        connection = Connection(definition.destination())
        connection.open()
        facts = load_facts(definition, connection)
        fetch_logs(
            connection, run_folder_on(facts, tag), blocks / cluster / "logs", report, cluster
        )
        marked = [entry.facts["root"] for entry in entries if entry.kind == "environment_mark"]
        remove(connection, cluster, facts, [tag], marked)
        remaining = find(connection, cluster, facts, [tag])
    except TowlineError as error:
        report("warning", cluster=cluster, text=f"clean-up failed: {error}")
        return [
            Leftover(cluster, tag, entry.kind, _what(entry), "may still exist: not observed")
            for entry in entries
        ]
    if not remaining:
        for entry in entries:
            ledger.removed(entry.id)
    return remaining


def _what(entry: Any) -> str:
    facts = entry.facts
    return str(facts.get("job_id") or facts.get("name") or facts.get("path") or entry.id)
