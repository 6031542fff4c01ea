"""Who did what to what, and what it was before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from towline.server.access.caller import Caller
from towline.server.access.principal import ObjectRef
from towline.store import AuditEntry, Store

_SECRET_NAME = re.compile(r"(?i)pass(word|phrase|code)?$|secret|token|private|digest|^key$|_key$")


class Audit:
    """The audit log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(
        self,
        caller: Caller | None,
        action: str,
        target: ObjectRef,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one entry.

        Args:
            caller: who did it; None: nobody who is known, such as a failed log-in.
            action: what, such as ``cluster.power`` (an action's value where there is one).
            target: what it was done to.
            before: what it was, as JSON knows it; values that look like secrets are left out.
            after: what it is now.

        """
        entry = AuditEntry(
            who=caller.name if caller else "",
            via=caller.principal.via if caller else "nobody",
            action=action,
            kind=target.kind,
            object=target.name.replace("\0", "")[:255],  # Postgres takes no NUL
            before=without_secrets(before),
            after=without_secrets(after),
        )
        async with self._store.writing() as session:
            session.add(entry)


def without_secrets(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the facts with ``…`` for each value whose name says that it is a secret."""
    return None if facts is None else {key: _masked(key, value) for key, value in facts.items()}


def _masked(key: str, value: Any) -> Any:
    if value is not None and _SECRET_NAME.search(key):
        return "…"
    if isinstance(value, Mapping):
        return {str(name): _masked(str(name), inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked("", inner) for inner in value]
    return value
