"""Keys and users of a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from towline.client.core import access
from towline.client.models import KeyInfo, UserInfo

if TYPE_CHECKING:
    from towline.client._sync.client import Client


class Keys:
    """The API keys that you may see."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> list[KeyInfo]:
        """Return your own keys; an administrator gets all."""
        return self._client._do(access.list_keys(self._client._caller))

    def create(
        self,
        name: str,
        scopes: Sequence[str] = ("read",),
        expires_days: float | None = None,
        user: str | None = None,
    ) -> KeyInfo:
        """Make a key; its text is in ``key``, now and never again."""
        caller = self._client._caller
        return self._client._do(access.create_key(caller, name, scopes, expires_days, user))

    def revoke(self, key_id: str) -> None:
        """Revoke a key: from now on it opens nothing."""
        self._client._do(access.revoke_key(self._client._caller, key_id))


class Users:
    """The accounts of the server; for administrators."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> list[UserInfo]:
        """Return all accounts."""
        return self._client._do(access.list_users(self._client._caller))

    def create(self, name: str, role: str = "user", password: str | None = None) -> UserInfo:
        """Make an account; without a password it comes in by key only."""
        return self._client._do(access.create_user(self._client._caller, name, role, password))

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> UserInfo:
        """Change what is given of an account."""
        caller = self._client._caller
        steps = access.change_user(caller, name, role=role, disabled=disabled, password=password)
        return self._client._do(steps)

    def remove(self, name: str) -> None:
        """Take everything that opens a door from an account."""
        self._client._do(access.remove_user(self._client._caller, name))
