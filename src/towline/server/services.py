"""What the routes work with: one of each, made at start, on ``app.state.services``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from towline.server.access.access import Access
from towline.server.access.audit import Audit
from towline.server.settings import Settings
from towline.store import Store


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

    def __post_init__(self) -> None:
        self.store = Store(self.settings.database_url)
        self.access = Access(self.store, self.settings)
        self.audit = Audit(self.store)
