"""The schema's version, and the way from any older one to it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from towline.errors import DefinitionError

HEAD = "0001"
"""The newest migration; a test holds it equal to the folder's."""

MIGRATIONS = Path(__file__).parent / "migrations"


def version(connection: Connection) -> str | None:
    """Return the schema's version, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> None:
    """Run the migrations that this database has not had; none costs one query, and no Alembic.

    Raises:
        DefinitionError: when a newer Towline has written this database.

    """
    found = version(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise DefinitionError(
            "the database",
            f"was written by a newer Towline (schema {found}; this one knows {HEAD})",
            "pip install --upgrade towline",
        )
    from alembic import command  # 0.1 s and 10 MB that most starts do not need
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction for CREATE TABLE: a server killed halfway, or a full
        # disk, would leave half a schema that no later start could go on from.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    command.upgrade(config, "head")
