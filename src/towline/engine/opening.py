"""Everything that happens on a cluster before Parsl starts; any error stops here, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from towline.clusters import ClusterDefinition, load_facts
from towline.engine.definitions import ExecutorDefinition
from towline.engine.environment_request import environment_request
from towline.engine.kinds import provider_kind
from towline.engine.ledger import Ledger, Report
from towline.engine.limits import check_request
from towline.engine.site import Site, Tenant
from towline.environments import Environment, EnvironmentRequest, preflight, realise
from towline.errors import HostUnreachable, InterpreterMissing
from towline.ssh import Connection


def open_site(
    definition: ClusterDefinition,
    executors: Mapping[str, ExecutorDefinition],
    tag: str,
    blocks: Path,
    report: Report,
    ledger: Ledger,
) -> Site:
    """Connect to a cluster, check what its executors ask for, and prepare everything there.

    Raises:
        TowlineError: of any kind, with nothing submitted and nothing left.

    """
    cluster = definition.name
    started = time.monotonic()
    requests = {label: environment_request(label, wanted) for label, wanted in executors.items()}
    report("cluster_connecting", cluster=cluster)
    connection = Connection(definition.destination(), report=report)
    connection.open()
    facts = load_facts(definition, connection)
    report("cluster_connected", cluster=cluster, seconds=round(time.monotonic() - started, 3))
    for label, wanted in executors.items():
        check_request(label, wanted, definition, facts, provider_kind(wanted, definition))
    if not (definition.address or facts.node_address):
        raise HostUnreachable(
            f"cluster {cluster}",
            "no address found by which its nodes reach the controller",
            f"set `address` in its definition (towline cluster check {cluster})",
        )
    site = Site(definition, connection, facts, tag, blocks, report, ledger)
    try:
        _prepare(site, executors, requests, report)
    except BaseException:
        site.close()
        raise
    return site


def _prepare(
    site: Site,
    executors: Mapping[str, ExecutorDefinition],
    requests: Mapping[str, EnvironmentRequest],
    report: Report,
) -> None:
    """Realise the environments while the run's folder and the link come up beside them."""
    agent_python = site.facts.agent_python(site.definition.python)
    with ThreadPoolExecutor(2) as pool:
        site.make_folder()
        link = pool.submit(site.start_link, agent_python) if agent_python else None
        environments = _environments(site, requests, executors, report)
        if link is not None:
            link.result()
    if link is None:
        # A container's Python sees no scheduler, which the agent must when its lease ends.
        pythons = [each.python for each in environments.values() if each.kind != "container"]
        if not pythons:
            raise InterpreterMissing(
                f"cluster {site.name}", "no Python 3.6 or later for the link's agent"
            )
        site.start_link(pythons[0])
    for label, wanted in executors.items():
        site.admit(label, Tenant(wanted, environments[label]))
        if wanted.preflight == "compute" and site.definition.scheduler == "slurm":
            site.try_on_node(label)


def _environments(
    site: Site,
    requests: Mapping[str, EnvironmentRequest],
    executors: Mapping[str, ExecutorDefinition],
    report: Report,
) -> dict[str, Environment]:
    """Realise and try each different environment once."""
    made: dict[EnvironmentRequest, Environment] = {}
    for label, request in requests.items():
        if request not in made:
            made[request] = _environment(site, label, request, executors[label], report)
    return {label: made[request] for label, request in requests.items()}


def _environment(
    site: Site,
    label: str,
    request: EnvironmentRequest,
    wanted: ExecutorDefinition,
    report: Report,
) -> Environment:
    def tell(event: str, **facts: object) -> None:
        report(event, **{"cluster": site.name, "executor": label, **facts})

    site.intend_mark(request)
    environment = realise(
        request, site.connection, site.facts, cluster=site.name, used_by=site.tag, report=tell
    )
    if wanted.preflight != "off":
        preflight(environment, site.connection, cluster=site.name, executor=label, report=tell)
    return environment
