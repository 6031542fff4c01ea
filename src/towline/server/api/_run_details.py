"""A run in full, from its record and its events."""

from __future__ import annotations

from typing import Any

from towline.runs import RunFolder
from towline.runs.view import BlockView, ClusterView, ExecutorView, fold
from towline.server.api.run_models import RunDetails
from towline.server.index import IndexedRun, iso


def details_of(run: IndexedRun, folder: RunFolder) -> RunDetails:
    """Return a run in full.

    Raises:
        RunError: when ``run.json`` cannot be read.

    """
    asked, view = folder.asked, fold(folder.events.read())
    return RunDetails.model_validate(
        {
            "run": run.record(),
            "inputs": getattr(asked, "inputs", None),
            "cluster_choice": asked.clusters,
            "python": asked.python,
            "working_folder": asked.cwd,
            "host": asked.host,
            "warnings": view.warnings,
            "error": view.error,
            "cleaning": view.cleaning,
            "clusters": [_cluster(each) for each in view.clusters.values()],
            "executors": [_executor(each) for each in view.executors.values()],
            "leftovers": view.leftovers,
        }
    )


def _cluster(view: ClusterView) -> dict[str, Any]:
    steps = [
        {"name": p.name, "detail": p.detail, "since": iso(p.since), "seconds": p.seconds}
        for p in view.phases
    ]
    return {"name": view.name, "link": view.link, "steps": steps}


def _executor(view: ExecutorView) -> dict[str, Any]:
    return {
        "label": view.label,
        "cluster": view.cluster,
        "workers": view.workers,
        "outstanding": view.outstanding,
        "done": view.done,
        "total": view.total,
        "blocks": [_block(each) for each in view.blocks.values()],
    }


def _block(view: BlockView) -> dict[str, Any]:
    return {
        "number": view.number,
        "job_id": view.job_id,
        "state": view.state,
        "outcome": view.outcome,
        "reason": view.reason,
        "nodes": view.nodes,
        "submitted": iso(view.submitted),
        "started": iso(view.started),
        "ended": iso(view.ended),
    }
