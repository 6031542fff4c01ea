"""The rule that every route carries: who may call it at all."""

from __future__ import annotations

from dataclasses import dataclass

from towline.server.access.actions import Action


@dataclass(frozen=True)
class Rule:
    """What a route asks before its handler runs.

    Role and scope are asked here. The right on the one object that the path names is asked in the
    handler, by `Caller.check`, once the object is known.

    Args:
        action: what the route does; None: it is open to all.
        of: the kind of object that the path names; empty: none, or a list that is filtered.
        why_public: why a route is open to all; only such a route has one.

    """

    action: Action | None
    of: str = ""
    why_public: str = ""

    def __post_init__(self) -> None:
        if (self.action is None) != bool(self.why_public):
            raise ValueError("a rule has an action, or says why everybody may")

    @classmethod
    def public(cls, why: str) -> Rule:
        """Return the rule of a route that is open to all, with the reason for it."""
        return cls(None, why_public=why)
