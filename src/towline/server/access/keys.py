"""API keys: ``tl_<id>_<secret>``, of which only a digest is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass

_KEY = re.compile(r"tl_([a-z0-9]{1,16})_([A-Za-z0-9]{32,64})")
_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LOCAL_ID = "local"
"""The id of the key that the server makes at each start for its own user's command line."""


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; the only time that its text is known."""

    id: str
    text: str
    digest: str


def make_key(key_id: str = "") -> NewKey:
    """Return a new key with 256 random bits, of letters and digits: a double click selects it."""
    key_id = key_id or "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
    secret = "".join(secrets.choice(_LETTERS_AND_DIGITS) for _ in range(43))
    text = f"tl_{key_id}_{secret}"
    return NewKey(key_id, text, digest_of(text))


def digest_of(secret: str) -> str:
    """Return what is kept of a key or a cookie's value."""
    return hashlib.sha256(secret.encode()).hexdigest()


def key_id_of(text: str) -> str | None:
    """Return the id in a key; None when it is not of a key's form."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def key_in(authorization: str) -> str | None:
    """Return the key of an ``Authorization`` header: Bearer, or Basic with it as the password."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return text.partition(":")[2] or None
    return None
