"""Accounts."""

from __future__ import annotations

import httpx2
import pytest
from server_fixtures import ServerInTest

pytestmark = pytest.mark.anyio


async def test_an_administrator_makes_changes_and_removes_accounts(
    admin: httpx2.AsyncClient,
) -> None:
    """Each step is seen in the next answer."""
    made = await admin.post("/api/v1/users", json={"name": "new", "role": "viewer"})
    assert (made.status_code, made.json()["has_password"]) == (201, False)
    changed = await admin.patch(
        "/api/v1/users/new", json={"role": "user", "password": "a long password"}
    )
    assert (changed.json()["role"], changed.json()["has_password"]) == ("user", True)
    assert (await admin.delete("/api/v1/users/new")).status_code == 204
    left = (await admin.get("/api/v1/users/new")).json()
    assert (left["disabled"], left["has_password"]) == (True, False)


async def test_a_name_is_given_once(admin: httpx2.AsyncClient) -> None:
    """Whoever comes later with the name of one who left inherits nothing."""
    await admin.post("/api/v1/users", json={"name": "new"})
    await admin.delete("/api/v1/users/new")
    answer = await admin.post("/api/v1/users", json={"name": "new"})
    assert (answer.status_code, answer.json()["code"]) == (409, "user-exists")
    assert "--enable" in answer.json()["next"]


async def test_removing_takes_keys_log_ins_and_grants(
    server: ServerInTest, admin: httpx2.AsyncClient, user: httpx2.AsyncClient
) -> None:
    """Enabling the account again brings none of them back."""
    await admin.delete("/api/v1/users/uma")
    await admin.patch("/api/v1/users/uma", json={"disabled": False})
    assert (await user.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
async def test_the_last_administrator_stays(
    server: ServerInTest, admin: httpx2.AsyncClient, change: dict[str, object]
) -> None:
    """Nobody is locked out by mistake."""
    import getpass

    me = getpass.getuser()
    assert (await admin.patch(f"/api/v1/users/{me}", json=change)).status_code == 200
    answer = await admin.patch("/api/v1/users/ann", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    assert (await admin.delete("/api/v1/users/ann")).status_code == 409


async def test_a_new_role_holds_at_once(
    admin: httpx2.AsyncClient, user: httpx2.AsyncClient
) -> None:
    """Also for keys that are in use."""
    assert (await user.get("/api/v1/me")).json()["role"] == "user"
    await admin.patch("/api/v1/users/uma", json={"role": "viewer"})
    assert (await user.get("/api/v1/me")).json()["role"] == "viewer"


@pytest.mark.parametrize("name", ["", "*", "a b", "../x", "a\nb", "x" * 65, "-x"])
async def test_a_name_is_a_word(admin: httpx2.AsyncClient, name: str) -> None:
    """It stands in logs, paths and headers; * means everybody."""
    answer = await admin.post("/api/v1/users", json={"name": name})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "name"


async def test_pages_of_users_have_all_of_them_once(admin: httpx2.AsyncClient) -> None:
    """Whatever the size of a page."""
    found: list[str] = []
    cursor = None
    while True:
        page = (
            await admin.get(
                "/api/v1/users", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        found += [user["name"] for user in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(set(found))
    assert {"ann", "uma", "otto", "vic"} <= set(found)


async def test_what_is_done_to_accounts_is_in_the_audit_log(admin: httpx2.AsyncClient) -> None:
    """With what it was before and after, and no password."""
    await admin.post("/api/v1/users", json={"name": "new", "password": "a long password"})
    await admin.patch("/api/v1/users/new", json={"role": "admin", "password": "a new password"})
    lines = (await admin.get("/api/v1/audit?kind=user&object=new")).json()["items"]
    assert [line["action"] for line in lines] == ["user.change", "user.create"]
    assert (lines[0]["before"]["role"], lines[0]["after"]["role"]) == ("user", "admin")
    assert {line["who"] for line in lines} == {"ann"}
    assert "a long password" not in str(lines)
    assert "a new password" not in str(lines)


def test_what_looks_like_a_secret_is_left_out_of_the_audit_log() -> None:
    """Whatever a caller hands over."""
    from towline.server.access.audit import without_secrets

    kept = without_secrets(
        {"password": "p", "inner": [{"api_key": "k", "name": "n"}], "token": None, "keyboard": "de"}
    )
    assert kept == {
        "password": "…",
        "inner": [{"api_key": "…", "name": "n"}],
        "token": None,
        "keyboard": "de",
    }
