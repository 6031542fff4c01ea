"""Browsers come in by a link or a password, and leave."""

from __future__ import annotations

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.server import Settings
from towline.server.access import logins as logins_module
from towline.server.access.cookies import cookie_in, cookie_name, set_cookie
from towline.server.access.limits import Limit
from towline.store import Login

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"  # noqa: S105 - of a test


async def set_password(server: ServerInTest, name: str, password: str = PASSWORD) -> None:
    access = server.services.access
    await access.logins.set_password(access.directory.users[name], password)


async def log_in(client: httpx2.AsyncClient, user: str, password: str) -> httpx2.Response:
    return await client.post("/api/v1/login", json={"user": user, "password": password})


async def test_a_start_link_logs_in_once(
    server: ServerInTest, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    """It is exchanged for a cookie and leaves the address; a second use is refused."""
    link = (await admin.post("/api/v1/login-links")).json()["url"]
    answer = await nobody.get(link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert (await nobody.get("/api/v1/me")).json() == {
        "name": "ann",
        "role": "admin",
        "scopes": sorted(["read", "run", "clusters", "workflows", "admin"]),
        "via": "cookie",
    }
    again = await (await server.client()).get(link)
    assert again.status_code == 401
    assert again.json()["code"] == "link-over"


async def test_a_start_link_is_over_after_minutes(
    server: ServerInTest, nobody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was never used opens nothing later."""
    monkeypatch.setattr(logins_module, "LINK_SECONDS", -1.0)
    token = server.services.access.logins.make_link("ann")
    assert (await nobody.get(f"/login?token={token}")).status_code == 401


async def test_links_that_nobody_uses_do_not_pile_up(server: ServerInTest) -> None:
    """There are never more than a hundred."""
    logins = server.services.access.logins
    for _ in range(300):
        logins.make_link("ann")
    assert len(logins._links) <= 100


async def test_the_link_never_leads_elsewhere(
    nobody: httpx2.AsyncClient, server: ServerInTest
) -> None:
    """No parameter chooses where a log-in ends.

    CVE-2026-33709, CVE-2019-10255 (JupyterHub: open redirects).
    """
    for extra in ("next=https://evil.example.org", "next=//evil.example.org", "next=/\\evil.org"):
        token = server.services.access.logins.make_link("ann")
        answer = await nobody.get(f"/login?token={token}&{extra}")
        assert answer.headers["location"] == "/"


async def test_a_key_of_some_scopes_makes_no_link(server: ServerInTest) -> None:
    """A browser can do all that its user may, so only one who can do all may make one."""
    client = await server.client(await server.key_for("ann", scopes=["admin", "read"]))
    answer = await client.post("/api/v1/login-links")
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-scope")


async def test_a_password_logs_in(server: ServerInTest, nobody: httpx2.AsyncClient) -> None:
    """The cookie is all that the browser needs."""
    await set_password(server, "uma")
    answer = await log_in(nobody, "uma", PASSWORD)
    assert (answer.status_code, answer.json()) == (200, {"name": "uma"})
    assert (await nobody.get("/api/v1/me")).json()["name"] == "uma"


async def test_wrong_password_unknown_user_and_user_without_one_look_alike(
    server: ServerInTest, nobody: httpx2.AsyncClient
) -> None:
    """An answer tells nobody which names there are."""
    await set_password(server, "uma")
    wrong = await log_in(nobody, "uma", "not the password")
    unknown = await log_in(nobody, "nobody", "not the password")
    without = await log_in(nobody, "otto", "not the password")
    assert {answer.status_code for answer in (wrong, unknown, without)} == {401}
    assert wrong.json() == unknown.json() == without.json()


async def test_passwords_can_be_tried_a_few_times_only(
    server: ServerInTest, nobody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then even the right one has to wait; the answer says how long."""

    async def never(password: str, kept: str | None) -> bool:
        return False

    monkeypatch.setattr(logins_module.passwords, "fits", never)
    tries = [await log_in(nobody, "uma", "wrong") for _ in range(11)]
    assert [answer.status_code for answer in tries] == [401] * 10 + [429]
    assert tries[-1].json()["code"] == "too-many-tries"
    assert int(tries[-1].headers["retry-after"]) > 0


def test_tries_come_back_with_time_and_names_are_forgotten() -> None:
    """A bucket fills again; inventing names fills no memory."""
    now = 0.0
    limit = Limit(2, 60, names=3, clock=lambda: now)
    limit.count("a")
    limit.count("a")
    assert limit.wait_seconds("a") == 30
    now = 30.0
    assert limit.wait_seconds("a") == 0
    for name in "bcdef":
        limit.count(name)
    assert len(limit._buckets) == 3


async def test_a_log_in_ends_the_one_before_in_the_same_browser(
    server: ServerInTest, nobody: httpx2.AsyncClient
) -> None:
    """A cookie that somebody has planted is worth nothing after the log-in (session fixation)."""
    first = server.services.access.logins.make_link("ann")
    await nobody.get(f"/login?token={first}")
    name = cookie_name(server.services.settings)
    planted = nobody.cookies[name]
    second = server.services.access.logins.make_link("uma")
    await nobody.get(f"/login?token={second}")
    assert nobody.cookies[name] != planted
    other = await server.client(None, Cookie=f"{name}={planted}")
    assert (await other.get("/api/v1/me")).status_code == 401


async def test_a_new_password_logs_everybody_out(
    server: ServerInTest, nobody: httpx2.AsyncClient, user: httpx2.AsyncClient
) -> None:
    """Also those who had come in with the old one.

    CVE-2026-40934 (jupyter-server: cookies outlived a change of password).
    """
    await set_password(server, "uma")
    await log_in(nobody, "uma", PASSWORD)
    answer = await user.put(
        "/api/v1/me/password", json={"old": PASSWORD, "new": "another long password"}
    )
    assert answer.status_code == 204
    assert (await nobody.get("/api/v1/me")).status_code == 401
    assert (await log_in(nobody, "uma", PASSWORD)).status_code == 401
    assert (await log_in(nobody, "uma", "another long password")).status_code == 200


async def test_the_old_password_is_asked_for(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """A browser left open does not give its account away."""
    await set_password(server, "uma")
    answer = await user.put("/api/v1/me/password", json={"old": "wrong", "new": "x" * 12})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-password")


async def test_a_key_of_some_scopes_sets_no_first_password(server: ServerInTest) -> None:
    """Whoever logs in with it could do everything that the key may not."""
    some = await server.client(await server.key_for("uma", scopes=["admin"]))
    answer = await some.put("/api/v1/me/password", json={"new": "a long password"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-scope")
    assert server.services.access.directory.users["uma"].password is None
    every = await server.client(server.keys["uma"])
    answer = await every.put("/api/v1/me/password", json={"new": "a long password"})
    assert answer.status_code == 204


async def test_logging_out_ends_the_cookie(
    server: ServerInTest, nobody: httpx2.AsyncClient
) -> None:
    """On the server, not only in the browser."""
    token = server.services.access.logins.make_link("ann")
    await nobody.get(f"/login?token={token}")
    name = cookie_name(server.services.settings)
    value = nobody.cookies[name]
    answer = await nobody.post("/api/v1/logout")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    other = await server.client(None, Cookie=f"{name}={value}")
    assert (await other.get("/api/v1/me")).status_code == 401


async def test_the_database_holds_no_cookie_and_no_password(server: ServerInTest) -> None:
    """Who reads it cannot log in with what it holds."""
    await set_password(server, "uma")
    cookie = await server.services.access.logins.by_link(
        server.services.access.logins.make_link("uma")
    )
    database = server.home / "state" / "server"
    kept = b"".join(file.read_bytes() for file in database.glob("towline.db*"))
    assert PASSWORD.encode() not in kept
    assert cookie.encode() not in kept
    assert b"$argon2id$" in kept


async def test_a_log_in_ends_by_itself(server: ServerInTest, nobody: httpx2.AsyncClient) -> None:
    """After its days the cookie opens nothing."""
    from datetime import timedelta

    from towline.server.access.keys import digest_of
    from towline.store import utc_now

    past = utc_now() - timedelta(seconds=1)
    row = Login(digest=digest_of("v"), user="ann", via="password", created=past, expires=past)
    await server.services.access.directory.save(row)
    name = cookie_name(server.services.settings)
    client = await server.client(None, Cookie=f"{name}=v")
    assert (await client.get("/api/v1/me")).status_code == 401


def test_on_https_the_cookie_is_bound_to_its_host() -> None:
    """A neighbour under the same domain can set no cookie of this name."""
    settings = Settings(origins=("https://hpc.example.org",))
    header = set_cookie(settings, "v")
    assert header.startswith("__Host-towline=v; Path=/; ")
    assert header.endswith("; Secure")
    assert "Domain" not in header


def test_of_two_cookies_with_one_name_none_is_believed() -> None:
    """One of them was tossed in by somebody else."""
    assert cookie_in(["towline=a; towline=b"], "towline") is None
    assert cookie_in(["x=1; towline=a"], "towline") == "a"


async def test_failed_log_ins_are_in_the_audit_log(
    admin: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    """With the name that was tried, cut short, and never the password.

    CVE-2026-54338 (JupyterHub: unbounded user names in logs).
    """
    await log_in(nobody, "mallory", "a secret guess")
    lines = (await admin.get("/api/v1/audit?action=login.refused")).json()["items"]
    assert [line["object"] for line in lines] == ["mallory"]
    assert "a secret guess" not in str(lines)
    assert (await log_in(nobody, "m" * 100_000, "x")).status_code == 422
