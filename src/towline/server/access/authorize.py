"""The one place where it is decided who may do what; a function of its arguments."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from towline.server.access.actions import NEEDS, RIGHT_ORDER, ROLE_ORDER, Action, Right, Role
from towline.server.access.principal import Granted, ObjectRef, Principal


class Decision(Enum):
    """What came of it."""

    ALLOWED = "allowed"
    WRONG_SCOPE = "this key is not for that"
    WRONG_ROLE = "the role does not allow it"
    NOT_GRANTED = "it may be seen, but not that"
    HIDDEN = "it may not even be known to exist"

    @property
    def allowed(self) -> bool:
        """Return whether it may be done."""
        return self is Decision.ALLOWED


def authorize(
    principal: Principal,
    action: Action,
    target: ObjectRef | None = None,
    grants: Iterable[Granted] = (),
) -> Decision:
    """Decide whether somebody may do something, to one object or at all.

    Args:
        principal: who asks.
        action: what for.
        target: the object; None asks for the action as such, before any object is looked up.
        grants: the rights that this principal has on objects of others.

    """
    need = NEEDS[action]
    if need.scope is not None and need.scope not in principal.scopes:
        return Decision.WRONG_SCOPE
    if ROLE_ORDER.index(principal.role) < ROLE_ORDER.index(need.role):
        # Who may not know an object learns nothing from trying other things on it.
        if target is not None and not _may_see(principal, target, grants):
            return Decision.HIDDEN
        return Decision.WRONG_ROLE
    if target is None or principal.role is Role.ADMIN or target.owner == principal.name:
        return Decision.ALLOWED
    rights = _rights(target, grants)
    if need.right is not None and any(_covers(right, need.right) for right in rights):
        return Decision.ALLOWED
    return Decision.NOT_GRANTED if rights else Decision.HIDDEN


def _may_see(principal: Principal, target: ObjectRef, grants: Iterable[Granted]) -> bool:
    return (
        principal.role is Role.ADMIN
        or target.owner == principal.name
        or bool(_rights(target, grants))
    )


def _rights(target: ObjectRef, grants: Iterable[Granted]) -> list[Right]:
    return [g.right for g in grants if g.kind == target.kind and g.name == target.name]


def _covers(given: Right, needed: Right) -> bool:
    return RIGHT_ORDER.index(given) >= RIGHT_ORDER.index(needed)
