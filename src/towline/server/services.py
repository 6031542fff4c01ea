"""What the routes work with: one of each, made at start, on ``app.state.services``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from towline.server.access.access import Access
from towline.server.access.audit import Audit
from towline.server.access.principal import ObjectRef
from towline.server.settings import Settings
from towline.store import Store, utc_now

Finder = Callable[[str], Awaitable[ObjectRef | None]]


@dataclass
class Services:
    """One server's parts.

    What `parts.PARTS` starts puts itself here; its fields have no value before that.
    """

    settings: Settings
    store: Store = field(init=False)
    access: Access = field(init=False)
    audit: Audit = field(init=False)
    clusters: Any = field(init=False)
    runs: Any = field(init=False)
    catalog: Any = field(init=False)
    uploads: Any = field(init=False)
    started: datetime = field(default_factory=utc_now)
    finders: dict[str, Finder] = field(default_factory=dict)
    """By kind, what finds an object with its owner: a part adds those of its objects."""

    def __post_init__(self) -> None:
        self.store = Store(self.settings.database_url)
        self.access = Access(self.store, self.settings)
        self.audit = Audit(self.store)

    @property
    def address(self) -> str:
        """Return how browsers reach this server."""
        return self.settings.address

    async def find_object(self, kind: str, name: str) -> ObjectRef | None:
        """Return a cluster, workflow or run with its owner; None when there is none."""
        finder = self.finders.get(kind)
        return await finder(name) if finder is not None else None
