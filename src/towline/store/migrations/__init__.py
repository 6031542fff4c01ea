"""Alembic's folder: how the schema got from each version to the next."""
