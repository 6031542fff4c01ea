"""Passwords: argon2id, in threads, so that one log-in never holds up the others' requests."""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
"""Letters; NIST SP 800-63B asks for 8, and for no rules about which."""
LONGEST = 1000

_AT_ONCE = 2
"""Each verification takes 64 MiB for a tenth of a second."""


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # only where somebody logs in

    return PasswordHasher()


@cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(_AT_ONCE)


@cache
def _of_nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe())


async def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return await anyio.to_thread.run_sync(lambda: _hasher().hash(password), limiter=_limiter())


async def fits(password: str, kept: str | None) -> bool:
    """Return whether this is the password.

    A user without a password costs the same time as one with: an attacker learns no names.
    """
    return await anyio.to_thread.run_sync(lambda: _fits(password, kept), limiter=_limiter())


def _fits(password: str, kept: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _of_nobody(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
