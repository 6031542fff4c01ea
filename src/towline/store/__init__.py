"""The server's database: tables, sessions, migrations; SQLite by default, Postgres by a URL."""

from __future__ import annotations

from towline.store.database import Store, database_url
from towline.store.tables import (
    AuditEntry,
    Base,
    ClusterRecord,
    Grant,
    IdempotencyKey,
    Key,
    Login,
    ObjectOwner,
    RunRecord,
    User,
    utc_now,
)

__all__ = [
    "AuditEntry",
    "Base",
    "ClusterRecord",
    "Grant",
    "IdempotencyKey",
    "Key",
    "Login",
    "ObjectOwner",
    "RunRecord",
    "Store",
    "User",
    "database_url",
    "utc_now",
]
