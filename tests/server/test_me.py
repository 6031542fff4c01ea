"""Who one is."""

from __future__ import annotations

import httpx2
import pytest

pytestmark = pytest.mark.anyio


async def test_a_key_says_who_its_user_is(user: httpx2.AsyncClient) -> None:
    """The answer names user, role and scopes."""
    answer = await user.get("/api/v1/me")
    assert answer.status_code == 200
    assert answer.json()["name"] == "uma"
    assert answer.json()["role"] == "user"


async def test_without_a_key_nobody_is_let_in(nobody: httpx2.AsyncClient) -> None:
    """The refusal is a problem, and says how to sign in."""
    answer = await nobody.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not-signed-in"
    assert answer.headers["www-authenticate"].startswith("Bearer")
