"""Every page in a real browser: accessible, quiet, within its policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import LiveServer, Watched

AXE = Path(__file__).parent / "vendor" / "axe.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATHS = [
    "/",
    "/runs",
    "/runs?text=nothing+fits",
    "/runs/1",
    "/runs/2",
    "/clusters",
    "/clusters/onprem",
    "/clusters/add",
    "/clusters/add/slurm",
    "/workflows",
    "/workflows/sweep",
    "/workflows/add",
]


def violations(page: Any, theme: str) -> list[str]:
    """Return what axe-core has against a page; of a second theme only the colours differ."""
    page.evaluate(AXE.read_text())
    tags = {"type": "tag", "values": RULES}
    colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    wanted = {"runOnly": tags if theme == "light" else colours}
    found = page.evaluate("(wanted) => axe.run(document, wanted)", wanted)
    return [
        f"{each['id']}: {node['html'][:150]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_in_both_themes(
    new_page: Callable[..., Any], server: LiveServer, theme: str
) -> None:
    """WCAG 2.2 AA as far as axe-core can tell; no console error, no report of the policy."""
    page = new_page(color_scheme=theme, reduced_motion="reduce")
    page.goto(f"{server.url}/login")
    found = {"/login": violations(page, theme)}
    page.goto(server.link())
    for path in PATHS:
        page.goto(server.url + path)
        page.wait_for_selector("html[data-ready]")
        found[path] = violations(page, theme)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_nothing_is_wider_than_a_phone(new_page: Callable[..., Any], server: LiveServer) -> None:
    """No page scrolls sideways at 390 pixels."""
    page = new_page(viewport={"width": 390, "height": 800})
    page.goto(server.link())
    wide = {}
    for path in PATHS:
        page.goto(server.url + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[path] = width
    assert wide == {}


def test_a_page_that_is_not_there_says_what_next(page: Any, watched: Watched) -> None:
    """An error page has a reason and a way on."""
    page.goto(page.url.rstrip("/") + "/runs/999")
    assert page.locator("h1").inner_text() == "Not here"
    page.get_by_role("link", name="Home").last.click()
    page.wait_for_selector("#home-tiles")
    watched.expect("404")
