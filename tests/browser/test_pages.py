"""Every page in a real browser: accessible, quiet, within its policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    tags = {"type": "tag", "values": RULES}
    colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    wanted = {"runOnly": tags if theme == "light" else colours}
    found = page.evaluate("(wanted) => axe.run(document, wanted)", wanted)
    return [
        f"{each['id']}: {node['html'][:150]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


def test_every_page_is_accessible_and_fits_a_phone(
    new_page: Callable[..., Any], server: LiveServer
) -> None:
    """WCAG 2.2 AA as far as axe-core can tell, in both themes; at 390 pixels nothing is wider.

    No console error, no report of the policy.
    """
    page = new_page(reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    wide = {}
    for path in ("/login", *PATHS):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(server.link() if path == "/" else server.url + path)
        page.wait_for_selector("html[data-ready]")
        assert page.evaluate("location.pathname + location.search") == path
        page.evaluate(AXE.read_text())
        found[path] = violations(page, "light")
        page.emulate_media(color_scheme="dark")
        found[path] += violations(page, "dark")
        page.set_viewport_size({"width": 390, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[path] = width
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
    assert wide == {}


def test_a_page_that_is_not_there_says_what_next(page: Any, watched: Watched) -> None:
    """An error page has a reason and a way on."""
    page.goto(page.url.rstrip("/") + "/runs/999")
    assert page.locator("h1").inner_text() == "Not here"
    page.get_by_role("link", name="Home").last.click()
    page.wait_for_selector("#home-tiles")
    watched.expect("404")
