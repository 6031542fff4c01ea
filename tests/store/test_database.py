"""The store: schema, connections and transactions."""

from __future__ import annotations

import asyncio
import stat
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from towline.errors import DefinitionError
from towline.store import Base, Key, Store, User, database_url, utc_now
from towline.store.schema import HEAD, MIGRATIONS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    """Open a store in a folder of its own."""
    made = Store(tmp_path / "towline.db")
    await made.open()
    yield made
    await made.close()


async def test_the_migrations_make_the_tables_that_the_code_has(store: Store) -> None:
    """Nothing would be left for another migration to do."""

    def differences(connection: Any) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with store.session() as session:
        assert await (await session.connection()).run_sync(differences) == []


def test_the_newest_migration_is_the_one_that_a_start_looks_for() -> None:
    """A start that finds it runs no Alembic."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


async def test_a_store_is_opened_again_with_what_it_holds(store: Store, tmp_path: Path) -> None:
    """The second opening migrates nothing and finds the rows."""
    async with store.writing() as session:
        session.add(User(name="ann", role="admin", created=utc_now()))
    again = Store(tmp_path / "towline.db")
    await again.open()
    async with again.session() as session:
        assert (await session.get_one(User, "ann")).role == "admin"
    await again.close()


async def test_a_newer_schema_is_refused_in_words(store: Store, tmp_path: Path) -> None:
    """An older Towline does not touch what a newer one wrote."""
    async with store.writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DefinitionError, match="written by a newer Towline"):
        await Store(tmp_path / "towline.db").open()


async def test_a_migration_that_is_cut_off_is_made_anew(
    tmp_path: Path,
) -> None:
    """A server that is killed in its first second, or has no disk left, can be started again."""
    made: list[str] = []

    def cut_off(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.strip().startswith("CREATE TABLE"):
            made.append(statement)
            if len(made) == 5:
                raise OSError("no space left")

    event.listen(Engine, "after_cursor_execute", cut_off)
    try:
        with pytest.raises(OSError, match="no space left"):
            await Store(tmp_path / "towline.db").open()
    finally:
        event.remove(Engine, "after_cursor_execute", cut_off)

    again = Store(tmp_path / "towline.db")
    await again.open()
    async with again.session() as session:
        assert (await session.scalars(select(User))).all() == []
    await again.close()


async def test_sqlite_writes_ahead_and_checks_foreign_keys(store: Store) -> None:
    """Readers do not wait for a writer, and a key without a user is impossible."""
    async with store.session() as session:
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await session.scalar(text("PRAGMA busy_timeout")) == 30_000
        assert await session.scalar(text("PRAGMA synchronous")) == 1
    with pytest.raises(IntegrityError):
        async with store.writing() as session:
            session.add(
                Key(id="k", user="nobody", name="", digest="", scopes=[], created=utc_now())
            )


def test_only_the_user_can_read_the_file(tmp_path: Path) -> None:
    """It is private before SQLite opens it."""

    async def make() -> None:
        store = Store(tmp_path / "towline.db")
        await store.open()
        await store.close()

    asyncio.run(make())
    assert stat.S_IMODE((tmp_path / "towline.db").stat().st_mode) == 0o600


async def test_many_read_and_write_at_once_and_none_fails(store: Store) -> None:
    """A transaction that reads before it writes waits for its turn; none is 'locked'."""
    async with store.writing() as session:
        session.add(User(name="counter", role="0", created=utc_now()))

    async def count() -> None:
        async with store.writing() as session:
            row = await session.get_one(User, "counter")
            await asyncio.sleep(0)
            row.role = str(int(row.role) + 1)

    await asyncio.gather(*(count() for _ in range(50)))
    async with store.session() as session:
        assert (await session.get_one(User, "counter")).role == "50"


async def test_an_error_takes_the_whole_transaction_back(store: Store) -> None:
    """Half a change is never kept."""
    with pytest.raises(RuntimeError):
        async with store.writing() as session:
            session.add(User(name="half", role="user", created=utc_now()))
            await session.flush()
            raise RuntimeError
    async with store.session() as session:
        assert await session.scalar(select(User)) is None


async def test_a_moment_keeps_its_zone(store: Store) -> None:
    """It comes back as the same moment, in UTC."""
    moment = datetime(2026, 11, 22, 12, 30, tzinfo=timezone.utc)
    async with store.writing() as session:
        session.add(User(name="ann", role="user", created=moment))
    async with store.session() as session:
        assert (await session.get_one(User, "ann")).created == moment


async def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    """Which hour it means would be a guess."""
    with pytest.raises(Exception, match="without a zone"):
        async with store.writing() as session:
            session.add(User(name="ann", role="user", created=datetime(2026, 11, 22)))


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        (Path("/data/towline.db"), "sqlite+aiosqlite"),
        ("sqlite:////data/towline.db", "sqlite+aiosqlite"),
        ("postgresql://towline@db.example.org/towline", "postgresql+asyncpg"),
        ("postgres://towline@db.example.org/towline", "postgresql+asyncpg"),
    ],
)
def test_a_url_gets_the_driver_that_does_not_block(given: str | Path, driver: str) -> None:
    """Whatever form the user writes."""
    assert database_url(given).drivername == driver


@pytest.mark.parametrize("given", ["mysql://h/d", "towline", "oracle+x://h"])
def test_another_database_is_refused_in_words(given: str) -> None:
    """The error says what to write."""
    with pytest.raises(DefinitionError, match="the database's URL"):
        database_url(given)


def test_every_table_can_be_made_on_postgres() -> None:
    """No column is SQLite's own."""
    for table in Base.metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
