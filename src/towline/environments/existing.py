"""Kind `existing`: an environment that is there already; nothing of it is changed."""

from __future__ import annotations

import hashlib

from towline.environments import activation
from towline.environments.cluster_side import Facts, on_cluster
from towline.environments.environment import Environment
from towline.environments.plan import Plan
from towline.environments.request import OWN_INTERPRETER, EnvironmentRequest
from towline.errors import DefinitionError


def plan_existing(request: EnvironmentRequest, facts: Facts, cluster: str) -> Plan:
    """Return the lines that activate the environment; which Python that gives, the cluster says.

    Raises:
        DefinitionError: it asks to send an interpreter, which only kind `sync` does.

    """
    if request.python == OWN_INTERPRETER:
        raise DefinitionError(
            f"cluster {cluster}",
            "python: workspace sends an interpreter along, which only kind sync does",
            "leave python out, or set kind: sync",
        )
    prefix = _prefix(request, facts)
    before = activation.site_lines(request.modules, request.init)
    if request.conda_env:
        named = request.conda_env.startswith(("/", "~/"))
        name = on_cluster(request.conda_env, facts) if named else request.conda_env
        lines = activation.of_conda(on_cluster(request.conda_dir, facts), name, before)
    elif prefix:
        lines = activation.of_prefix(prefix, before)
    else:
        lines = activation.of_site(before)
    python = on_cluster(request.python_path, facts) if request.python_path else ""
    digest = hashlib.sha256(f"{lines}{python}{request.python}".encode()).hexdigest()
    environment = Environment(
        "existing", f"existing-{digest[:16]}", prefix, python, lines, ours=False
    )
    return Plan(environment)


def _prefix(request: EnvironmentRequest, facts: Facts) -> str:
    if request.prefix:
        return on_cluster(request.prefix, facts)
    if request.conda_env and request.conda_env.startswith(("/", "~/")):
        return on_cluster(request.conda_env, facts)
    return ""
