"""What Alembic runs: the migrations, on the connection that `towline.store` hands over."""

from __future__ import annotations

from alembic import context

from towline.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)

with context.begin_transaction():
    context.run_migrations()
