"""The one who calls, as a handler sees them: what they may do, asked in one line."""

from __future__ import annotations

from collections.abc import Callable

from towline.server.access.actions import NEEDS, Action, Role, Scope
from towline.server.access.authorize import Decision, authorize
from towline.server.access.principal import Granted, ObjectRef, Principal
from towline.server.problems import ProblemError, problem


class Caller:
    """A principal and their rights.

    Args:
        principal: who it is.
        grants: their rights on objects of others.
        owner_of: the owner of a cluster or workflow by kind and name.

    """

    def __init__(
        self,
        principal: Principal,
        grants: tuple[Granted, ...],
        owner_of: Callable[[str, str], str | None],
    ) -> None:
        self.principal = principal
        self._grants = grants
        self._owner_of = owner_of

    @property
    def name(self) -> str:
        """Return the user's name."""
        return self.principal.name

    @property
    def role(self) -> Role:
        """Return the user's role."""
        return self.principal.role

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return what the credential may be used for."""
        return self.principal.scopes

    @property
    def rights(self) -> tuple[Principal, frozenset[Granted]]:
        """Return all that decides what they may do to objects of a known owner."""
        return self.principal, frozenset(self._grants)

    @property
    def is_admin(self) -> bool:
        """Return whether this is an administrator."""
        return self.principal.role is Role.ADMIN

    def ref(self, kind: str, name: str) -> ObjectRef:
        """Return a cluster or workflow with its owner, as the owners' table has it."""
        return ObjectRef(kind, name, self._owner_of(kind, name))

    def may(self, action: Action, target: ObjectRef | None = None) -> bool:
        """Return whether they may; for lists, and for what an answer offers to do next."""
        return authorize(self.principal, action, target, self._grants).allowed

    def check(self, action: Action, target: ObjectRef | None = None) -> None:
        """Return only when they may.

        Raises:
            ProblemError: 404 when they may not even know the object, else 403 with the reason.

        """
        decision = authorize(self.principal, action, target, self._grants)
        if not decision.allowed:
            raise refusal(decision, action, target)


def refusal(decision: Decision, action: Action, target: ObjectRef | None) -> ProblemError:
    """Return the answer to somebody who may not."""
    thing = f"{target.kind} {target.name}" if target is not None else action.value
    need = NEEDS[action]
    if decision is Decision.HIDDEN and target is not None:
        return not_found(target.kind, target.name)
    if decision is Decision.WRONG_SCOPE:
        scope = need.scope.value if need.scope else ""
        return problem(
            403,
            "wrong-scope",
            thing=thing,
            cause=f"the key does not have the scope {scope}",
            next_step=f"towline key create NAME --scope {scope}",
        )
    if decision is Decision.WRONG_ROLE:
        return problem(
            403,
            "forbidden",
            thing=thing,
            cause=f"{action.value} needs the role {need.role.value}",
            next_step="ask an administrator",
        )
    return problem(
        403,
        "forbidden",
        thing=thing,
        cause=f"{action.value} is for its owner, and for those to whom the owner grants it",
        next_step="ask its owner or an administrator for a grant",
    )


def not_found(kind: str, name: str) -> ProblemError:
    """Return the answer for what is not there, or may not be known to be there."""
    return problem(
        404,
        f"{kind}-not-found",
        thing=f"{kind} {name}",
        cause=f"there is no {kind} with this name",
        next_step=f"towline {kind} list",
    )
