"""The store: one engine, short transactions, a schema brought up to date when it is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from towline.errors import DefinitionError, ServerRunning
from towline.store.schema import upgrade

_LOCK_NUMBER = 8695_0001
"""Of our advisory lock in Postgres; in a database of its own any number will do."""

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",
    "PRAGMA synchronous = NORMAL",
)


def database_url(given: str | Path) -> URL:
    """Return the URL with the asynchronous driver that Towline uses.

    Args:
        given: a file for SQLite, or ``postgresql://user@host/name``.

    Raises:
        DefinitionError: when it is no URL, or one of a database that Towline does not speak to.

    """
    if isinstance(given, Path):
        return URL.create("sqlite+aiosqlite", database=str(given))
    try:
        url = make_url(given)
    except ArgumentError:
        raise DefinitionError(
            "the database's URL",
            "is not a URL",
            "write postgresql://USER@HOST/NAME, or leave it out for SQLite",
        ) from None
    plain = url.drivername.partition("+")[0]
    if plain not in _ASYNC_DRIVERS:
        raise DefinitionError(
            "the database's URL",
            f"{plain} is not supported",
            "use postgresql://… or leave it out for SQLite",
        )
    return url.set(drivername=_ASYNC_DRIVERS[plain])


class Store:
    """The tables behind the server.

    Every transaction is short: nothing that waits for a network or a process runs inside one.

    Args:
        url: a file for SQLite, or a URL (see `database_url`).

    """

    def __init__(self, url: str | Path) -> None:
        self.url = database_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: AsyncEngine | None = None
        self._sessions: async_sessionmaker[AsyncSession] | None = None
        self._writing = asyncio.Lock()
        self._holding: AsyncConnection | None = None

    async def open(self) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            DefinitionError: when the database's driver is not installed, or the schema is newer
                than this Towline; or Postgres cannot be reached.
            ServerRunning: another server works on the same Postgres.

        """
        options: dict[str, Any] = {"pool_size": 4, "max_overflow": 0}
        if self.is_sqlite and self.url.database:
            file = Path(self.url.database)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600, exist_ok=True)  # before SQLite makes it with the usual mode
        else:
            options = {"pool_size": 5, "max_overflow": 5, "pool_pre_ping": True}
        try:
            self._engine = create_async_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise DefinitionError(
                "the database's URL",
                f"needs the package {error.name}",
                "pip install 'towline[postgres]'",
            ) from error
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _set_pragmas)
        try:
            if not self.is_sqlite:
                await self._hold()
            async with self._engine.begin() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await self.close()
            raise
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False, autoflush=False)

    async def close(self) -> None:
        """Close all connections; does nothing when there are none."""
        if self._holding is not None:
            await self._holding.close()
            self._holding = None
        if self._engine is not None:
            await self._engine.dispose()
        self._engine = self._sessions = None

    async def _hold(self) -> None:
        """Keep a second server away, also one on another machine, for as long as this one lives.

        SQLite's file is guarded by a lock beside it.
        """
        assert self._engine is not None  # noqa: S101 - set by `open`
        thing = f"the database {self.url.render_as_string()}"
        try:
            self._holding = await self._engine.connect()
        except Exception as error:  # the driver has its own, of many kinds
            raise DefinitionError(
                thing, f"cannot be opened: {error}", "check the URL, ~/.pgpass and the database"
            ) from error
        ask = text("SELECT pg_try_advisory_lock(:number)")
        got = await self._holding.scalar(ask, {"number": _LOCK_NUMBER})
        await self._holding.commit()  # the lock is the session's; no transaction stays open
        if not got:
            raise ServerRunning(
                thing, "another server works on it, perhaps on another machine", "towline status"
            )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Yield a session to read with; what it changes is rolled back."""
        if self._sessions is None:
            raise RuntimeError("the store is not open")
        async with self._sessions() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Yield a session whose changes are committed at the end, or rolled back on an error.

        SQLite has one writer at a time. Waiting for the turn here, and not in SQLite's
        busy loop, keeps a transaction that has read from failing when it wants to write.
        """
        turn: AbstractAsyncContextManager[Any] = self._writing if self.is_sqlite else nullcontext()
        async with turn, self.session() as session, session.begin():
            yield session


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
