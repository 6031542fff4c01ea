"""The pages over HTTP: who sees what, with which headers, and what actions answer."""

from __future__ import annotations

import re

import httpx2
import pytest

from tests.browser import scene
from tests.server_fixtures import ServerInTest
from towline.server.pages import static

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
EVIL = "</td><script>alert(1)</script>"


async def test_whoever_is_not_signed_in_is_led_there_and_back(nobody: httpx2.AsyncClient) -> None:
    """A browser goes to the sign-in page; a program gets a problem."""
    answer = await nobody.get("/runs?state=active", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=/runs%3Fstate%3Dactive",
    )
    assert (await nobody.get("/runs")).headers["content-type"] == "application/problem+json"


async def test_every_page_forbids_all_that_is_inline(admin: httpx2.AsyncClient) -> None:
    """No style, script or handler stands in a page, and none would run."""
    for path in ("/", "/runs", "/clusters", "/clusters/add/slurm", "/workflows", "/workflows/add"):
        answer = await admin.get(path, headers=BROWSER)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", answer.text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)


async def test_static_files_are_compressed_and_kept_by_their_content(
    nobody: httpx2.AsyncClient,
) -> None:
    """For good under their address; under an older one they are asked for again."""
    answer = await nobody.get(static.address("app.css"), headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    older = await nobody.get("/static/0123456789abcdef/app.css")
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
    assert (await nobody.get("/static/x/%2e%2e/app.py")).status_code == 404


async def test_a_run_of_somebody_else_is_not_there(
    server: ServerInTest, user: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    """Neither its page, its log nor its row; an administrator sees all."""
    run = scene.make_run("hers", owner="ann")
    await server.services.runs.index.refresh()
    for path in (f"/runs/{run.number}", f"/runs/{run.number}/log"):
        assert (await user.get(path, headers=BROWSER)).status_code == 404
        assert (await admin.get(path, headers=BROWSER)).status_code == 200
    assert "hers" not in (await user.get("/runs", headers=BROWSER)).text
    assert "hers" in (await admin.get("/runs", headers=BROWSER)).text


async def test_names_with_markup_stay_text(server: ServerInTest, admin: httpx2.AsyncClient) -> None:
    """On the monitor, at home and on the run's page."""
    run = scene.make_run("plain", state="failed", reason=EVIL, log=EVIL)
    run.run_json.write_text(run.run_json.read_text().replace('"plain"', f'"{EVIL}"'))
    await server.services.runs.index.refresh()
    for path in ("/", "/runs", f"/runs/{run.number}"):
        text = (await admin.get(path, headers=BROWSER)).text
        assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    part = (await admin.get(f"/runs/{run.number}/log")).json()
    assert "<script" not in part["html"] + part["tail"]


async def test_runs_are_filtered_and_sorted(
    server: ServerInTest, admin: httpx2.AsyncClient
) -> None:
    """By state, workflow and text; senseless wishes are no errors."""
    scene.make_run("first", "sweep")
    scene.make_run("second", state="failed", reason="disk full")
    await server.services.runs.index.refresh()

    async def rows(query: str) -> list[str]:
        text = (await admin.get(f"/runs?{query}", headers=BROWSER)).text
        return re.findall(r'<tr id="run-(\d+)">', text)

    assert await rows("") == ["2", "1"]
    assert await rows("sort=number") == ["1", "2"]
    assert await rows("state=failed") == ["2"]
    assert await rows("workflow=sweep") == ["1"]
    assert await rows("text=DISK") == ["2"]
    assert await rows("state=odd&sort=odd") == ["2", "1"]


async def test_several_runs_are_stopped_only_when_it_is_said_which(
    server: ServerInTest, admin: httpx2.AsyncClient
) -> None:
    """Without a yes the answer is a page that names them."""
    run = scene.make_run("lives", state="")
    await server.services.runs.index.refresh()
    answer = await admin.post("/runs/stop", data={"run": [str(run.number)]})
    assert answer.status_code == 200
    assert f"run {run.number}, lives (running)" in answer.text
    assert [event.name for event in run.events.read()][-1] == "progress"


async def test_a_stream_begins_with_the_whole_page(
    server: ServerInTest, admin: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first event has every fragment."""
    from towline.server.pages import run_list
    from towline.server.pages.fragments import message

    run = scene.make_run("seen")
    await server.services.runs.index.refresh()
    caller = await _caller(server, admin)
    drawn = run_list.fragments(server.services, caller, run_list.Asked())
    text = message({name: each.html for name, each in drawn.items()}).decode()
    assert f'id="run-{run.number}"' in text and 'id="runs-under"' in text


async def _caller(server: ServerInTest, client: httpx2.AsyncClient) -> object:
    from starlette.requests import Request

    headers = [(b"authorization", client.headers["Authorization"].encode())]
    return await server.services.access.caller(Request({"type": "http", "headers": headers}))


async def test_a_viewer_is_offered_nothing_that_is_refused(server: ServerInTest) -> None:
    """On an empty server: no way to add, install or launch, in buttons or in words."""
    await server.add_user("vera", "viewer")
    viewer = await server.client(await server.key_for("vera"))
    for path in ("/", "/runs", "/clusters", "/workflows"):
        text = (await viewer.get(path, headers=BROWSER)).text
        assert "/add" not in text and "Install" not in text and "Execute</button>" not in text
    assert "appear here" in (await viewer.get("/workflows", headers=BROWSER)).text
