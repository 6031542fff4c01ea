"""API keys."""

from __future__ import annotations

import base64
from datetime import timedelta

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.store import utc_now

pytestmark = pytest.mark.anyio


async def test_a_key_is_shown_once_and_works(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """Lists show it without its secret; the database has a digest only."""
    made = (await user.post("/api/v1/keys", json={"name": "ci", "scopes": ["read"]})).json()
    assert made["key"].startswith(f"tl_{made['id']}_")
    client = await server.client(made["key"])
    assert (await client.get("/api/v1/me")).json()["scopes"] == ["read"]
    listed = (await user.get("/api/v1/keys")).json()["items"]
    assert made["id"] in [key["id"] for key in listed]
    assert made["key"] not in str(listed)
    database = (server.home / "state" / "server").glob("towline.db*")
    assert made["key"].encode() not in b"".join(file.read_bytes() for file in database)


async def test_a_key_is_accepted_as_a_password_too(server: ServerInTest) -> None:
    """For tools that know no Bearer."""
    basic = base64.b64encode(f"any:{server.keys['uma']}".encode()).decode()
    client = await server.client(None, Authorization=f"Basic {basic}")
    assert (await client.get("/api/v1/me")).json()["name"] == "uma"


async def test_a_revoked_key_opens_nothing_from_that_moment(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """Also when it was used just before."""
    made = (await user.post("/api/v1/keys", json={"name": "ci"})).json()
    client = await server.client(made["key"])
    assert (await client.get("/api/v1/me")).status_code == 200
    assert (await user.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await user.delete(f"/api/v1/keys/{made['id']}")).status_code == 204  # once more


async def test_a_key_expires(server: ServerInTest) -> None:
    """At its moment, without anybody doing anything."""
    key = await server.key_for("uma", expires=utc_now() - timedelta(seconds=1))
    assert (await (await server.client(key)).get("/api/v1/me")).status_code == 401


async def test_a_key_of_a_disabled_user_opens_nothing(
    server: ServerInTest, admin: httpx2.AsyncClient, user: httpx2.AsyncClient
) -> None:
    """And works again when the user is enabled."""
    assert (await user.get("/api/v1/me")).status_code == 200
    await admin.patch("/api/v1/users/uma", json={"disabled": True})
    assert (await user.get("/api/v1/me")).status_code == 401
    await admin.patch("/api/v1/users/uma", json={"disabled": False})
    assert (await user.get("/api/v1/me")).status_code == 200


async def test_a_key_never_gives_more_than_it_has(server: ServerInTest) -> None:
    """One that may make keys makes none that may do more.

    CVE-2024-41942 (JupyterHub: who could manage users could become one who may do all).
    """
    client = await server.client(await server.key_for("uma", scopes=["admin"]))
    answer = await client.post("/api/v1/keys", json={"name": "more", "scopes": ["admin", "run"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-scope")


async def test_nobody_makes_or_sees_keys_of_others(
    server: ServerInTest, user: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    """But administrators do."""
    asked = {"name": "his", "user": "otto"}
    assert (await user.post("/api/v1/keys", json=asked)).status_code == 404
    assert (await admin.post("/api/v1/keys", json=asked)).status_code == 201
    owners = {key["user"] for key in (await user.get("/api/v1/keys")).json()["items"]}
    assert owners == {"uma"}


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer tl_x_y",
        "Bearer tl_local_" + "a" * 43,
        "Bearer " + "a" * 5000,
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Digest x",
        "Bearer tl_\x00",
    ],
)
async def test_a_wrong_key_is_a_problem_never_a_crash(
    server: ServerInTest, authorization: str
) -> None:
    """And never taken for a cookie that came along."""
    token = server.services.access.logins.make_link("ann")
    client = await server.client()
    await client.get(f"/login?token={token}")
    answer = await client.get("/api/v1/me", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


async def test_when_a_key_was_used_last_is_written_down(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """Now and then, not at every request."""
    await user.get("/api/v1/me")
    await server.services.access._flush()
    keys = (await user.get("/api/v1/keys")).json()["items"]
    assert keys[0]["last_used"] is not None


async def test_the_local_key_is_private_and_new_at_each_start(server: ServerInTest) -> None:
    """It lets the user's own command line in, and nobody else's."""
    file = server.home / "state" / "server" / "local.key"
    assert file.stat().st_mode & 0o777 == 0o600
    client = await server.client(file.read_text())
    me = (await client.get("/api/v1/me")).json()
    assert (me["role"], me["via"]) == ("admin", "local")
