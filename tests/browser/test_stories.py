"""What people do with the pages, start to end, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import scene
from .conftest import LiveServer, Watched

EVIL = "\"><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def test_a_form_is_filled_in_mended_and_executed(
    page: Any, server: LiveServer, watched: Watched, tmp_path: Path
) -> None:
    """Bad values stay and are said beside their fields; then the run's page opens and it runs."""
    mesh = tmp_path / "plate.msh"
    mesh.write_text("nodes")
    page.goto(f"{server.url}/workflows/sweep")
    assert not page.get_by_label("Courant number").is_visible()
    page.get_by_label("Solver").select_option("explicit")
    page.get_by_label("Courant number").fill("0.4")
    page.get_by_label("Time steps").fill("none")
    page.get_by_label("Mesh").set_input_files(mesh)
    page.get_by_role("button", name="Add to Points").click()
    page.get_by_label("Pressure").nth(1).fill("2.5")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_selector(".note.bad")
    watched.expect("422")
    steps = page.get_by_label("Time steps")
    assert steps.get_attribute("aria-invalid") == "true"
    assert steps.input_value() == "none"
    assert page.evaluate("document.activeElement.name") == "steps"
    assert page.get_by_label("Pressure").nth(1).input_value() == "2.5"
    assert page.get_by_label("Courant number").input_value() == "0.4"
    assert "plate.msh" in page.locator("form[data-form]").inner_text()
    steps.fill("20")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url("**/runs/*")
    page.wait_for_selector("#run-head .state.succeeded")
    page.wait_for_selector(".log .lines .f2:has-text('step 2')")
    page.reload()
    page.wait_for_selector("a:has-text('work/result.txt')")


def test_what_people_type_is_never_run(page: Any, server: LiveServer, watched: Watched) -> None:
    """Names, titles, log lines, reasons and form values with scripts in them stay text."""
    folder = scene.make_run(
        "evil", state="failed", reason=EVIL, log=EVIL + "\x1b]8;;javascript:alert(1)\x07x\n"
    )
    about = folder.run_json.read_text().replace('"title": "evil"', '"title": ' + _json(EVIL))
    folder.run_json.write_text(about)
    for path in ("/", "/runs", f"/runs/{folder.number}"):
        page.goto(server.url + path)
        page.wait_for_selector("html[data-ready]")
        assert page.title() != "owned"
    page.goto(f"{server.url}/clusters/add/slurm")
    for field in page.locator("form[data-form] input:visible").all():
        field.fill(EVIL)
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector(".wrong")
    watched.expect("422")
    assert page.get_by_label("Host").input_value() == EVIL
    assert page.title() != "owned"
    page.goto(f"{server.url}/runs?text={EVIL}")
    assert page.get_by_label("Search runs").input_value() == EVIL


def test_a_cluster_is_added_and_changed(page: Any, server: LiveServer, watched: Watched) -> None:
    """A wrong name is said beside its field; once mended the cluster's page opens."""
    page.goto(f"{server.url}/clusters/add")
    page.get_by_role("link", name="Slurm", exact=True).click()
    page.get_by_label("Name").fill("Not Allowed")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("#f-name-wrong")
    page.wait_for_selector("#f-host-wrong")
    watched.expect("422")
    page.get_by_label("Name").fill("beluga")
    page.get_by_label("Host").fill("beluga.example")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/clusters/beluga")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Description").fill("In the north")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/clusters/beluga")
    assert "In the north" in page.locator("#c-head").inner_text()


def test_the_main_way_needs_no_mouse(page: Any, server: LiveServer) -> None:
    """From home to a workflow's Execute button with Tab and Enter alone."""
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    for wanted in ("Workflows", "Parameter sweep", "Execute"):
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.textContent.trim()")
            if focused == wanted:
                break
        assert focused == wanted
        if wanted != "Execute":
            page.keyboard.press("Enter")
            page.wait_for_selector(f"h1:has-text('{wanted}')")
            page.wait_for_selector("html[data-ready]")


def test_signing_in_and_out(new_page: Any, server: LiveServer, watched: Watched) -> None:
    """Without a cookie one is asked to sign in, and led back afterwards."""
    import asyncio

    async def add() -> None:
        from towline.server.access.passwords import hashed
        from towline.store import User, utc_now

        secret = await hashed("correct horse")
        row = User(name="ada", role="user", disabled=False, created=utc_now(), password=secret)
        await server.services.access.directory.save(row)

    asyncio.run_coroutine_threadsafe(add(), server.loop).result(20)
    page = new_page()
    page.goto(f"{server.url}/runs?state=ended")
    assert page.url.endswith("/login?next=/runs%3Fstate%3Dended")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".note.bad")
    watched.expect("401")
    assert page.get_by_label("Name").input_value() == "ada"
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/runs?state=ended")
    page.locator("summary", has_text="ada").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")


def _json(text: str) -> str:
    import json

    return json.dumps(text)
