"""Which clusters a launch would use, as far as workflow, form and request say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from towline.runs import Asked
from towline.runs.plan import LOCAL, plan_of
from towline.server.launcher import Launch
from towline.workflows import Installed, check_inputs
from towline.workflows.presets import Presets, with_preset
from towline.workflows.references import chosen_clusters, resolved


def used_clusters(launch: Launch) -> list[str]:
    """Return the names of the clusters that a launch would use, sorted.

    Raises:
        TowlineError: inputs, executors or a cluster are wrong.

    """
    definition = launch.installed.definition
    kept = Presets(launch.owner).of(launch.installed.name)
    inputs = with_preset(definition, launch.preset, launch.inputs, kept)
    checked = check_inputs(definition, inputs)
    plan = plan_of(launch.installed, checked, dict(launch.clusters))
    return sorted(set(plan.uses) - {LOCAL})


def asked_besides_form(installed: Installed, asked: Asked) -> dict[str, str]:
    """Return the clusters that whoever launched a run had chosen in place of the form's.

    A repeated run keeps these; what the form had chosen, its inputs choose again.
    """
    definition, values = installed.definition, asked.inputs or {}
    if definition.on is not None:
        ran_on = _cluster_in(asked.on or {})
        return {"on": ran_on} if ran_on != _cluster_in(resolved(definition.on, values)) else {}
    by_form = chosen_clusters(definition, values)
    return {label: name for label, name in asked.clusters.items() if by_form.get(label) != name}


def _cluster_in(on: Mapping[str, Any]) -> str:
    return next((str(v) for key, v in on.items() if key.lower() in ("cluster", "pool")), "")
