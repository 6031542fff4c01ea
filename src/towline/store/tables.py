"""Every table of the server.

Runs, clusters and workflows live in files; the rows here are what the files cannot say (who owns
what, who may do what, what was wanted last) and an index, so that lists need not read every folder.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from towline.store.columns import Moment


def utc_now() -> datetime:
    """Return this moment, in UTC, with its zone."""
    return datetime.now(timezone.utc)


class Base(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name and form
        datetime: Moment,
        dict[str, Any]: JSON,
        list[str]: JSON,
        str: String(255),
    }


class User(Base):
    """A person, or a program that has an account.

    A name is given once: what it owned stays its own, so a removed user keeps the row, disabled.
    """

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password: Mapped[str | None] = mapped_column(Text)
    """argon2id, in PHC form; None: this user logs in by key or link only."""
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=utc_now)


class Key(Base):
    """An API key; its secret is known to its owner only."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    name: Mapped[str]
    digest: Mapped[str]
    """sha256 of the whole key, in hex: a secret of 256 random bits needs no slow hash."""
    scopes: Mapped[list[str]]
    created: Mapped[datetime] = mapped_column(default=utc_now)
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class Login(Base):
    """A browser that is logged in; its cookie holds the value whose sha256 is the digest."""

    __tablename__ = "logins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    via: Mapped[str]
    """How it came about: ``password`` or ``start-link``."""
    created: Mapped[datetime] = mapped_column(default=utc_now)
    expires: Mapped[datetime]


class Grant(Base):
    """A right on an object of somebody else's."""

    __tablename__ = "grants"
    __table_args__ = (Index("grants_once", "kind", "object", "user", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """``cluster``, ``workflow`` or ``run``."""
    object: Mapped[str]
    user: Mapped[str]
    """A user's name, or ``*``: everybody who has an account."""
    right: Mapped[str]
    """``read``, ``use`` or ``edit``; each holds those before it."""
    created: Mapped[datetime] = mapped_column(default=utc_now)
    created_by: Mapped[str]


class ObjectOwner(Base):
    """Who owns a cluster or a workflow; what has no row belongs to the administrators."""

    __tablename__ = "owners"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    created: Mapped[datetime] = mapped_column(default=utc_now)


class AuditEntry(Base):
    """Who did what to what, and what it was before and after."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    who: Mapped[str] = mapped_column(index=True)
    via: Mapped[str]
    """``key:<id>``, ``cookie``, ``local`` or ``nobody``."""
    action: Mapped[str]
    kind: Mapped[str]
    object: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class ClusterRecord(Base):
    """What is wanted of a cluster and what was seen of it last."""

    __tablename__ = "clusters"

    name: Mapped[str] = mapped_column(primary_key=True)
    desired: Mapped[str | None]
    state: Mapped[str]
    since: Mapped[datetime]
    """When the state became this one."""
    observed_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    observation: Mapped[dict[str, Any] | None]


class RunRecord(Base):
    """One line of the index of runs; the run's folder is the truth."""

    __tablename__ = "runs"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tag: Mapped[str]
    owner: Mapped[str | None] = mapped_column(index=True)
    workflow: Mapped[str | None] = mapped_column(index=True)
    version: Mapped[int | None]
    state: Mapped[str] = mapped_column(index=True)
    created: Mapped[datetime] = mapped_column(index=True)
    ended: Mapped[datetime | None]
    summary: Mapped[dict[str, Any]]


class IdempotencyKey(Base):
    """What a request with an ``Idempotency-Key`` was answered, for when it comes again."""

    __tablename__ = "idempotency"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    """sha256 of the request: the same key with another request is a mistake."""
    status: Mapped[int | None]
    """None while the first request is still at work."""
    body: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=utc_now, index=True)
