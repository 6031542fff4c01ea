"""Who is asking: a user, and what the key or cookie at hand may be used for."""

from __future__ import annotations

from dataclasses import dataclass

from towline.server.access.actions import ALL_SCOPES, Right, Role, Scope


@dataclass(frozen=True)
class Principal:
    """One who is known.

    Args:
        name: the user's name.
        role: what this user may do at most.
        scopes: what the credential may be used for; a browser's cookie has all.
        via: the credential, for the audit log: ``key:<id>``, ``cookie`` or ``local``.

    """

    name: str
    role: Role
    scopes: frozenset[Scope] = ALL_SCOPES
    via: str = "cookie"


@dataclass(frozen=True)
class ObjectRef:
    """One object: a cluster, a workflow, a run, a key.

    Args:
        kind: ``cluster``, ``workflow``, ``run``, ``key`` …
        name: its name or number.
        owner: the user who owns it; None: nobody, so it is the administrators'.

    """

    kind: str
    name: str
    owner: str | None = None


@dataclass(frozen=True)
class Granted:
    """A right on one object, as one user has it."""

    kind: str
    name: str
    right: Right
