"""Holes that others had, tried on this server; more of them are beside what they are about.

Guard, log-in, keys and the permission matrix name theirs: ``grep -rn CVE- tests/server``.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import zipfile

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.runs import RunFolder

from .test_permission_matrix import make_run

pytestmark = pytest.mark.anyio


async def test_no_secret_of_an_address_reaches_the_log(
    nobody: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has paths without their queries.

    CVE-2026-55169 (Open OnDemand: passwords in access logs).
    """
    caplog.set_level(logging.DEBUG)
    await nobody.get("/login?token=a-secret-token", headers={"Accept": "application/json"})
    await nobody.get("/api/v1/me?key=tl_secret")
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    told = "\n".join(record.getMessage() for record in ours)
    assert "/api/v1/me 401" in told
    assert "secret" not in told


async def test_nobody_writes_lines_or_volumes_into_the_log(
    nobody: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A path is one short line of ASCII, whatever was sent.

    CVE-2025-53636 (Open OnDemand: log flooding); CVE-2026-54338 (JupyterHub: unbounded names).
    """
    caplog.set_level(logging.INFO, "towline.server")
    await nobody.get("/x%0A2026-01-01 INFO forged" + "y" * 5000)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    assert line.isascii()
    assert len(line) < 300


async def test_a_key_in_an_address_opens_nothing(
    server: ServerInTest, nobody: httpx2.AsyncClient
) -> None:
    """It would be in histories, logs and Referer headers; also where clients of 2022 send one.

    CVE-2026-55169 (Open OnDemand: a password in a URL).
    """
    key = server.keys["ann"]
    for path in ("/api/v1/me", "/api/resources", "/api/v1/runs"):
        assert (await nobody.get(path, params={"key": key})).status_code in (400, 401)


async def test_only_the_user_can_read_what_the_server_keeps(server: ServerInTest) -> None:
    """Its folder and every file in it.

    CVE-2025-64185 (Open OnDemand: folders that all could write).
    """
    folder = server.home / "state" / "server"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    open_to_others = [f.name for f in folder.iterdir() if f.is_file() and f.stat().st_mode & 0o077]
    # SQLite's log has the mode of its database
    assert open_to_others == []


async def test_a_page_in_a_run_never_runs_here(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """A file is sent to be saved, and sandboxed where a browser shows it all the same.

    GHSA-xcv4-m435-m33h (Open OnDemand: a file name ran JavaScript); jupyter-server (notebook HTML
    without a CSP sandbox).
    """
    run = await make_run(server, "")
    name = "<img src=x onerror=alert(1)>.html"
    work = RunFolder.open(run).work
    work.mkdir(exist_ok=True)
    (work / name).write_text("<script>alert(1)</script>")
    answer = await user.get(f"/api/v1/runs/{run}/files/work/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<img" not in answer.headers["content-disposition"]
    listing = await user.get(f"/api/v1/runs/{run}/files", params={"path": "work"})
    assert listing.headers["content-type"] == "application/json"
    log = await user.get(f"/api/v1/runs/{run}/log?stream=stdout")
    assert log.headers["content-type"].startswith("text/plain")


async def test_no_path_leaves_a_run(server: ServerInTest, user: httpx2.AsyncClient) -> None:
    """Not to a sibling whose name begins alike, not up, not through a link.

    CVE-2026-35397 (jupyter-server: /data let through /data-secret); CVE-2026-26002 (Open OnDemand:
    hostile input when changing directory); CVE-2025-62724 (Open OnDemand: a swap between check
    and use).
    """
    run = await make_run(server, "")
    folder = RunFolder.open(run).path
    sibling = folder.with_name(f"{run}0")
    sibling.mkdir()
    (sibling / "secret.txt").write_text("secret")
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "link").symlink_to(sibling)
    (folder / "work" / "file").symlink_to("/etc/passwd")
    for path in (
        f"..%2F{run}0%2Fsecret.txt",
        f"../{run}0/secret.txt",
        f"%2e%2e/{run}0/secret.txt",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "work/link/secret.txt",
        "work/file",
        "work/..%2f..%2f..%2fserver%2flocal.key",
        "work/\\..\\..\\secret.txt",
        "work/%00",
    ):
        answer = await user.get(f"/api/v1/runs/{run}/files/{path}")
        assert answer.status_code in (404, 422), (path, answer.text)
        assert "secret" not in answer.text or "secret.txt" in answer.text


async def test_an_archive_puts_nothing_outside_its_folder(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """Not by climbing names, not by links.

    CVE-2025-62724 (Open OnDemand: escaping an allow-list through a zip).
    """
    link = zipfile.ZipInfo("out")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for hostile, content in (
        (zipfile.ZipInfo("../../escaped"), "x"),
        (zipfile.ZipInfo("/tmp/towline-escaped"), "x"),
        (link, "/etc"),
    ):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("workflow.yaml", "title: x\nrun: [sh, main.sh]\n")
            archive.writestr("main.sh", "true\n")
            archive.writestr(hostile, content)
        files = {"archive": ("w.zip", packed.getvalue())}
        answer = await user.post("/api/v1/workflows", params={"name": "hostile"}, files=files)
        assert 400 <= answer.status_code < 500, (hostile.filename, answer.text)
    assert not list(server.home.rglob("escaped"))
    assert not os.path.lexists("/tmp/towline-escaped")


async def test_a_cookie_from_a_neighbour_is_not_believed(server: ServerInTest) -> None:
    """Another page under the same domain can set a second cookie, not become somebody.

    CVE-2024-28233 (JupyterHub: content on peer domains).
    """
    from towline.server.access.cookies import cookie_name

    logins = server.services.access.logins
    name = cookie_name(server.services.settings)
    good = await logins.by_link(logins.make_link("uma"))
    evil = await logins.by_link(logins.make_link("otto"))
    both = await server.client(None, Cookie=f"{name}={evil}; {name}={good}")
    assert (await both.get("/api/v1/me")).status_code == 401


async def test_the_key_of_the_command_line_is_new_at_each_start(server: ServerInTest) -> None:
    """One that was read off an old backup opens nothing.

    CVE-2025-58435 (Open OnDemand: a session's password was not changed).
    """
    from towline.server import Settings, create_app

    settings = Settings(folder=server.home / "other")
    keys = []
    for _ in range(2):
        app = create_app(settings, parts=())
        async with app.router.lifespan_context(app):
            keys.append((settings.folder / "local.key").read_text())
        assert not (settings.folder / "local.key").exists()
    assert keys[0] != keys[1]
