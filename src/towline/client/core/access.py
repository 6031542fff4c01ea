"""Operations on keys and users, and on who one is."""

from __future__ import annotations

from collections.abc import Sequence

from towline.client.core.caller import Caller
from towline.client.core.calls import Call, Steps, path_of
from towline.client.models import KeyInfo, Me, UserInfo


def me(caller: Caller) -> Steps[Me]:
    """Return who the key belongs to, and what it may do."""
    return (yield from caller.record(Me, Call("GET", "/me")))


def list_keys(caller: Caller) -> Steps[list[KeyInfo]]:
    """Return one's own keys; an administrator gets all."""
    return (yield from caller.all(KeyInfo, "/keys"))


def create_key(
    caller: Caller,
    name: str,
    scopes: Sequence[str] = ("read",),
    expires_days: float | None = None,
    user: str | None = None,
) -> Steps[KeyInfo]:
    """Make a key; its text is in ``key`` of the answer, now and never again."""
    asked = {"name": name, "scopes": list(scopes), "expires_days": expires_days, "user": user}
    body = {key: value for key, value in asked.items() if value is not None}
    return (yield from caller.record(KeyInfo, Call("POST", "/keys", body=body, again=False)))


def revoke_key(caller: Caller, key_id: str) -> Steps[None]:
    """Revoke a key: from now on it opens nothing."""
    yield from caller.send(Call("DELETE", path_of("keys", key_id)))


def list_users(caller: Caller) -> Steps[list[UserInfo]]:
    """Return all accounts."""
    return (yield from caller.all(UserInfo, "/users"))


def create_user(
    caller: Caller, name: str, role: str = "user", password: str | None = None
) -> Steps[UserInfo]:
    """Make an account; without a password it comes in by key only."""
    body = {"name": name, "role": role, **({"password": password} if password else {})}
    return (yield from caller.record(UserInfo, Call("POST", "/users", body=body, again=False)))


def change_user(
    caller: Caller,
    name: str,
    *,
    role: str | None = None,
    disabled: bool | None = None,
    password: str | None = None,
) -> Steps[UserInfo]:
    """Change what is given of an account."""
    asked = {"role": role, "disabled": disabled, "password": password}
    body = {key: value for key, value in asked.items() if value is not None}
    call = Call("PATCH", path_of("users", name), body=body)
    return (yield from caller.record(UserInfo, call))


def remove_user(caller: Caller, name: str) -> Steps[None]:
    """Take everything that opens a door from an account."""
    yield from caller.send(Call("DELETE", path_of("users", name)))
