"""Python environments on clusters: locked and built here, pushed, switched in, tried out."""

from towline.environments.environment import Environment
from towline.environments.inventory import (
    Held,
    delete,
    list_environments,
    lock_record,
    to_delete,
)
from towline.environments.local import (
    local_facts,
    runs_on_workspace_environment,
    workspace_environment,
)
from towline.environments.locks import Lock, LockStore
from towline.environments.node_check import (
    EXIT_NO_CONTROLLER,
    EXIT_NO_ENVIRONMENT,
    node_check_lines,
)
from towline.environments.preflight import PreflightReport, preflight
from towline.environments.realise import realise
from towline.environments.request import EnvironmentRequest
from towline.environments.usage import mark_used, unmark_used
from towline.environments.worker_python import WorkerPython

__all__ = [
    "EXIT_NO_CONTROLLER",
    "EXIT_NO_ENVIRONMENT",
    "Environment",
    "EnvironmentRequest",
    "Held",
    "Lock",
    "LockStore",
    "PreflightReport",
    "WorkerPython",
    "delete",
    "list_environments",
    "local_facts",
    "lock_record",
    "mark_used",
    "node_check_lines",
    "preflight",
    "realise",
    "runs_on_workspace_environment",
    "to_delete",
    "unmark_used",
    "workspace_environment",
]
