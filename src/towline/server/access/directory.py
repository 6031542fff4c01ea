"""All users, keys, log-ins, grants and owners, in memory: a request asks no database who it is.

There is one server process, and every change goes through here: first to the store, then to
memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import delete, select

from towline.server.access.actions import Right
from towline.server.access.principal import Granted
from towline.store import Base, Grant, Key, Login, ObjectOwner, Store, User, utc_now

EVERYBODY = "*"
_Row = TypeVar("_Row", bound=Base)


class Directory:
    """Who there is, and who owns what.

    Args:
        store: where it is kept; open before `load`.

    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.users: dict[str, User] = {}
        self.keys: dict[str, Key] = {}
        self.logins: dict[str, Login] = {}
        self.grants: dict[int, Grant] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self.version = 0
        """Counts every change; what is derived from the directory is valid for one version."""

    async def load(self) -> None:
        """Read everything."""
        async with self._store.session() as session:
            self.users = {row.name: row for row in await session.scalars(select(User))}
            self.keys = {row.id: row for row in await session.scalars(select(Key))}
            self.logins = {row.digest: row for row in await session.scalars(select(Login))}
            self.grants = {row.id: row for row in await session.scalars(select(Grant))}
            self._owners = {
                (row.kind, row.name): row.owner
                for row in await session.scalars(select(ObjectOwner))
            }
        self.version += 1

    def owner_of(self, kind: str, name: str) -> str | None:
        """Return who owns a cluster or workflow; None: the administrators."""
        return self._owners.get((kind, name))

    def granted_to(self, user: str) -> tuple[Granted, ...]:
        """Return the rights of a user on objects of others."""
        return tuple(
            Granted(grant.kind, grant.object, Right(grant.right))
            for grant in self.grants.values()
            if grant.user in (user, EVERYBODY)
        )

    async def save(self, row: _Row) -> _Row:
        """Write a new user, key, log-in or grant."""
        async with self._store.writing() as session:
            row = await session.merge(row)
        self._remember(row)
        return row

    async def change(self, row: _Row, **values: Any) -> _Row:
        """Write new values of a row; memory has them once the store does."""
        async with self._store.writing() as session:
            row = await session.merge(row)
            for name, value in values.items():
                setattr(row, name, value)
        self._remember(row)
        return row

    async def forget(self, rows: Iterable[Base]) -> None:
        """Delete users, keys, log-ins or grants."""
        rows = list(rows)
        async with self._store.writing() as session:
            for row in rows:
                await session.delete(await session.merge(row))
        for row in rows:
            self._drop(row)

    async def own(self, kind: str, name: str, owner: str) -> None:
        """Let a user own a cluster or workflow from now on."""
        async with self._store.writing() as session:
            await session.merge(ObjectOwner(kind=kind, name=name, owner=owner))
        self._owners[kind, name] = owner
        self.version += 1

    async def disown(self, kind: str, name: str) -> None:
        """Forget owner and grants of an object that is gone: a namesake inherits nothing."""
        async with self._store.writing() as session:
            await session.execute(
                delete(ObjectOwner).where(ObjectOwner.kind == kind, ObjectOwner.name == name)
            )
            await session.execute(delete(Grant).where(Grant.kind == kind, Grant.object == name))
        self._owners.pop((kind, name), None)
        for grant in list(self.grants.values()):
            if (grant.kind, grant.object) == (kind, name):
                del self.grants[grant.id]
        self.version += 1

    async def used(self, last_used: dict[str, datetime]) -> None:
        """Write when keys were used last."""
        async with self._store.writing() as session:
            for key_id, moment in last_used.items():
                row = await session.get(Key, key_id)
                if row is not None:
                    row.last_used = moment
        for key_id, moment in last_used.items():
            if key_id in self.keys:
                self.keys[key_id].last_used = moment

    async def forget_expired(self) -> None:
        """Delete the log-ins that are over."""
        now = utc_now()
        await self.forget([row for row in self.logins.values() if row.expires <= now])

    def _remember(self, row: Base) -> None:
        if isinstance(row, User):
            self.users[row.name] = row
        elif isinstance(row, Key):
            self.keys[row.id] = row
        elif isinstance(row, Login):
            self.logins[row.digest] = row
        elif isinstance(row, Grant):
            self.grants[row.id] = row
        self.version += 1

    def _drop(self, row: Base) -> None:
        if isinstance(row, User):
            self.users.pop(row.name, None)
        elif isinstance(row, Key):
            self.keys.pop(row.id, None)
        elif isinstance(row, Login):
            self.logins.pop(row.digest, None)
        elif isinstance(row, Grant):
            self.grants.pop(row.id, None)
        self.version += 1
