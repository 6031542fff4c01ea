"""Pages change by themselves, and catch up with what they have missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.runs import RunFolder

from . import scene
from .conftest import LiveServer, Watched, running

CONNECTED = "#live[data-connected]"


def test_the_stream_connects_every_time(page: Any, server: LiveServer) -> None:
    """The extension registers before the page starts, whatever the order of loading."""
    for _ in range(12):
        page.goto(f"{server.url}/clusters")
        page.wait_for_selector(CONNECTED, state="attached")


def test_a_new_run_appears_and_a_choice_stays(page: Any, server: LiveServer) -> None:
    """A row comes in above a ticked one, which stays ticked, and the focus stays where it is."""
    page.goto(f"{server.url}/runs")
    page.wait_for_selector(CONNECTED, state="attached")
    page.get_by_label("Select run 6").check()
    folder = scene.make_run("came by itself", tasks=4)
    page.wait_for_selector(f"#run-{folder.number}")
    assert page.get_by_label("Select run 6").is_checked()
    assert page.evaluate("document.activeElement.value") == "6"
    assert page.get_by_role("button", name="Stop 1 run").is_enabled()


def test_a_log_grows_in_colour_and_is_searched(page: Any, server: LiveServer) -> None:
    """What the script writes appears; escape sequences become classes, markup stays text."""
    folder = scene.make_run("talkative", state="", log="\x1b[31mred\x1b[0m first\n")
    page.goto(f"{server.url}/runs/{folder.number}")
    page.wait_for_selector(".log .f1:has-text('red')")
    page.wait_for_selector(CONNECTED, state="attached")
    with folder.stdout_log.open("a") as log:
        log.write("<img src=x onerror=alert(1)> needle\n10 %\r20 %")
    page.wait_for_selector(".log .lines div:has-text('needle')")
    page.wait_for_selector(".log .tail:has-text('20 %')")
    assert page.locator(".log img").count() == 0
    assert "10 %" not in page.locator(".log .text").inner_text()
    page.get_by_placeholder("Search the log").fill("NEEDLE")
    page.wait_for_selector("[data-found]:has-text('1 of 1')")
    assert page.get_by_role("button", name="Follow").get_attribute("aria-pressed") == "false"


def test_a_run_ends_on_its_page(page: Any, server: LiveServer) -> None:
    """State, buttons, tiles, exit code, files and sizes change without a reload."""
    folder = scene.make_run("ends soon", state="")
    page.goto(f"{server.url}/runs/{folder.number}")
    page.wait_for_selector("#run-head .state.running")
    page.wait_for_selector(CONNECTED, state="attached")
    (folder.path / "work" / "late.txt").write_text("here")
    with folder.stdout_log.open("a") as log:
        log.write("x" * 5_000)
    folder.events.append(
        "ended", state="failed", exit_code=3, seconds=2.0, reason="it broke", leftovers=[]
    )
    page.wait_for_selector("#run-head .state.failed")
    page.wait_for_selector("#run-notes:has-text('it broke')")
    page.wait_for_selector("#run-details:has-text('Exit code')")
    page.wait_for_selector("#run-files a:has-text('work/late.txt')")
    page.wait_for_selector("#log-size-stdout:has-text('5.2 kB')")
    assert page.get_by_role("button", name="Delete").is_visible()


def test_a_run_is_deleted_under_its_open_page(
    page: Any, server: LiveServer, watched: Watched
) -> None:
    """The page says so, and offers nothing that cannot be done."""
    folder = scene.make_run("deleted elsewhere")
    page.goto(f"{server.url}/runs/{folder.number}")
    page.wait_for_selector(CONNECTED, state="attached")
    answer = page.request.delete(f"{server.url}/api/v1/runs/{folder.number}")
    assert answer.ok
    page.wait_for_selector("#run-head:has-text('This run was deleted')")
    assert page.get_by_role("button", name="Delete").count() == 0
    page.goto("about:blank")
    # It may have asked for the log just then.
    watched.errors[:] = [each for each in watched.errors if "404" not in each]


def test_a_log_in_that_ends_under_an_open_page_is_said(
    page: Any, server: LiveServer, watched: Watched
) -> None:
    """A form that is sent loses nothing: one signs in, reloads, and it is sent again."""
    with page.context.expect_page() as opened:
        page.evaluate(f"window.open('{server.url}/runs')")
    monitor = opened.value
    monitor.wait_for_selector(CONNECTED, state="attached")
    page.goto(f"{server.url}/workflows/sweep")
    page.get_by_label("Case").fill("typed-before")
    page.get_by_label("Time steps").fill("none")
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.get_by_role("button", name="Execute").click()
    page.wait_for_selector("h1:has-text('You are signed out')")
    watched.expect("401")
    monitor.evaluate(
        "document.getElementById('live').dispatchEvent("
        "new CustomEvent('htmx:sse:error', {detail: {status: 401}}))"
    )
    monitor.wait_for_url("**/login?next=/runs")
    page.context.add_cookies(cookies)
    page.reload()
    page.wait_for_selector(".note.bad")
    watched.expect("422")
    assert page.get_by_label("Case").input_value() == "typed-before"


def test_bulk_stop_names_what_it_hits(page: Any, server: LiveServer) -> None:
    """Nothing is stopped before the runs' names were read; Keep keeps them."""
    folder = scene.make_run("to be stopped", state="")
    page.goto(f"{server.url}/runs?text=to+be+stopped")
    page.get_by_label(f"Select run {folder.number}").check()
    page.get_by_role("button", name="Stop 1 run").click()
    dialog = page.get_by_role("dialog")
    assert f"run {folder.number}, to be stopped" in dialog.inner_text()
    dialog.get_by_role("button", name="Keep").click()
    assert not dialog.is_visible()
    assert [e.name for e in folder.events.read()][-1] != "cancelling"


def test_a_power_button_answers_in_the_page(page: Any, server: LiveServer) -> None:
    """A cluster's card changes when its state does."""
    page.goto(f"{server.url}/clusters")
    page.wait_for_selector(CONNECTED, state="attached")
    with page.expect_response("**/clusters/archive/power") as answer:
        page.get_by_role("button", name="Switch archive on").click()
    assert answer.value.status == 204
    wanted = server.do(lambda: server.services.clusters.get("archive").desired.value)
    assert wanted == "on"

    def comes_on() -> None:
        from towline.clusters.power import PowerState

        managed = server.services.clusters.get("archive")
        managed.state = PowerState.ON
        server.services.runs.changes.publish("cluster", "archive", "{}", subject=managed)

    server.do(comes_on)
    page.wait_for_selector("#cluster-archive .state.on")


@pytest.fixture
def other_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a test a home of its own."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    yield tmp_path


def test_an_open_page_survives_a_restart_of_the_server(
    new_page: Callable[..., Any], other_home: Path, watched: Watched
) -> None:
    """While the server is away the page says so; afterwards it shows what it has missed."""
    run = scene.make_run("before", state="")
    page = new_page()
    with running(other_home / "server") as first:
        port = int(first.url.rpartition(":")[2])
        page.goto(first.link())
        page.goto(f"{first.url}/runs")
        page.wait_for_selector(CONNECTED, state="attached")
    page.wait_for_selector("#link-state:visible")
    _ended(run)
    with running(other_home / "server", port) as second:
        page.wait_for_selector(f"#run-{run.number} .state.succeeded")
        page.wait_for_selector("#link-state", state="hidden")
        assert second.url == first.url
        page.goto("about:blank")
    gone = ("ERR_", "htmx:sse:error")
    watched.errors[:] = [e for e in watched.errors if not any(word in e for word in gone)]


def _ended(run: RunFolder) -> None:
    run.events.append("ended", state="succeeded", exit_code=0, seconds=1.0, leftovers=[])
    assert json.loads(run.run_json.read_text())["number"] == run.number
