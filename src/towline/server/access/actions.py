"""What can be done over the API, and what each thing asks of the one who does it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """What a user may do at most."""

    VIEWER = "viewer"
    """Reads what is granted or own; changes nothing."""
    USER = "user"
    """Has clusters, workflows and runs of its own, and what is granted."""
    ADMIN = "admin"
    """May do everything."""


ROLE_ORDER = (Role.VIEWER, Role.USER, Role.ADMIN)


class Scope(str, Enum):
    """What an API key may be used for; never more than its user may do."""

    READ = "read"
    RUN = "run"
    """Launch, cancel and delete runs; upload their files."""
    CLUSTERS = "clusters"
    """Define, switch and delete clusters."""
    WORKFLOWS = "workflows"
    """Install, update and remove workflows."""
    ADMIN = "admin"
    """Keys, grants and, for administrators, users and the audit log."""


ALL_SCOPES = frozenset(Scope)


class Right(str, Enum):
    """What a grant gives on one object; each holds those before it."""

    READ = "read"
    USE = "use"
    EDIT = "edit"


RIGHT_ORDER = (Right.READ, Right.USE, Right.EDIT)


class Action(str, Enum):
    """Everything that a route can do."""

    ME_READ = "me.read"
    EVENTS_READ = "events.read"
    SERVER_READ = "server.read"

    RUN_READ = "run.read"
    RUN_LAUNCH = "run.launch"
    RUN_CANCEL = "run.cancel"
    RUN_DELETE = "run.delete"
    UPLOAD = "upload"

    CLUSTER_READ = "cluster.read"
    CLUSTER_CREATE = "cluster.create"
    CLUSTER_USE = "cluster.use"
    CLUSTER_POWER = "cluster.power"
    CLUSTER_CHECK = "cluster.check"
    CLUSTER_INPUT = "cluster.input"
    CLUSTER_EDIT = "cluster.edit"
    CLUSTER_DELETE = "cluster.delete"

    WORKFLOW_READ = "workflow.read"
    WORKFLOW_INSTALL = "workflow.install"
    WORKFLOW_INSTALL_PATH = "workflow.install-path"
    WORKFLOW_RUN = "workflow.run"
    WORKFLOW_EDIT = "workflow.edit"
    WORKFLOW_DELETE = "workflow.delete"
    PRESET_WRITE = "preset.write"

    KEY_READ = "key.read"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    LOGIN_LINK = "login.link"
    PASSWORD_CHANGE = "password.change"  # noqa: S105 - an action's name
    GRANT_READ = "grant.read"
    GRANT_EDIT = "grant.edit"
    USER_READ = "user.read"
    USER_EDIT = "user.edit"
    AUDIT_READ = "audit.read"


@dataclass(frozen=True)
class Need:
    """What an action asks for.

    Args:
        scope: what the key must be for; None: any key will do.
        role: the least role.
        right: the least grant on an object of somebody else's; None: its owner only.

    """

    scope: Scope | None
    role: Role
    right: Right | None = None


NEEDS: dict[Action, Need] = {
    Action.ME_READ: Need(None, Role.VIEWER),
    Action.EVENTS_READ: Need(Scope.READ, Role.VIEWER),
    Action.SERVER_READ: Need(Scope.READ, Role.VIEWER),
    Action.RUN_READ: Need(Scope.READ, Role.VIEWER, Right.READ),
    Action.RUN_LAUNCH: Need(Scope.RUN, Role.USER),
    Action.RUN_CANCEL: Need(Scope.RUN, Role.USER, Right.EDIT),
    Action.RUN_DELETE: Need(Scope.RUN, Role.USER),
    Action.UPLOAD: Need(Scope.RUN, Role.USER),
    Action.CLUSTER_READ: Need(Scope.READ, Role.VIEWER, Right.READ),
    Action.CLUSTER_CREATE: Need(Scope.CLUSTERS, Role.USER),
    Action.CLUSTER_USE: Need(Scope.RUN, Role.USER, Right.USE),
    Action.CLUSTER_POWER: Need(Scope.CLUSTERS, Role.USER, Right.USE),
    Action.CLUSTER_CHECK: Need(Scope.CLUSTERS, Role.USER, Right.USE),
    Action.CLUSTER_INPUT: Need(Scope.CLUSTERS, Role.USER, Right.EDIT),
    Action.CLUSTER_EDIT: Need(Scope.CLUSTERS, Role.USER, Right.EDIT),
    Action.CLUSTER_DELETE: Need(Scope.CLUSTERS, Role.USER),
    Action.WORKFLOW_READ: Need(Scope.READ, Role.VIEWER, Right.READ),
    Action.WORKFLOW_INSTALL: Need(Scope.WORKFLOWS, Role.USER),
    Action.WORKFLOW_INSTALL_PATH: Need(Scope.WORKFLOWS, Role.ADMIN),
    Action.WORKFLOW_RUN: Need(Scope.RUN, Role.USER, Right.USE),
    Action.WORKFLOW_EDIT: Need(Scope.WORKFLOWS, Role.USER, Right.EDIT),
    Action.WORKFLOW_DELETE: Need(Scope.WORKFLOWS, Role.USER),
    Action.PRESET_WRITE: Need(Scope.RUN, Role.USER, Right.USE),
    Action.KEY_READ: Need(Scope.READ, Role.VIEWER),
    Action.KEY_CREATE: Need(Scope.ADMIN, Role.VIEWER),
    Action.KEY_REVOKE: Need(Scope.ADMIN, Role.VIEWER),
    Action.LOGIN_LINK: Need(Scope.ADMIN, Role.VIEWER),
    Action.PASSWORD_CHANGE: Need(Scope.ADMIN, Role.VIEWER),
    Action.GRANT_READ: Need(Scope.READ, Role.USER),
    Action.GRANT_EDIT: Need(Scope.ADMIN, Role.USER),
    Action.USER_READ: Need(Scope.ADMIN, Role.ADMIN),
    Action.USER_EDIT: Need(Scope.ADMIN, Role.ADMIN),
    Action.AUDIT_READ: Need(Scope.ADMIN, Role.ADMIN),
}
"""Every action has its line: a test says so."""
