"""Take the documentation's pictures: python -m tests.browser.shots FOLDER."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser import scene
from tests.browser.conftest import CHROMIUM, LiveServer, running

PAGES = {
    "home": "/",
    "runs": "/runs",
    "run": "/runs/1",
    "run-failed": "/runs/2",
    "run-live": "/runs/6",
    "clusters": "/clusters",
    "cluster": "/clusters/onprem",
    "cluster-add": "/clusters/add",
    "cluster-form": "/clusters/add/slurm",
    "workflows": "/workflows",
    "workflow": "/workflows/sweep",
    "workflow-add": "/workflows/add",
    "missing": "/runs/999",
}


def take(server: LiveServer, browser: Any, folder: Path, names: list[str]) -> None:
    """Take every page in both themes, wide and narrow."""
    for theme in ("light", "dark"):
        for width in (1280, 390):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=theme
            )
            page = context.new_page()
            page.on("console", lambda m: print("console", m.type, m.text))
            page.goto(f"{server.url}/login")
            if not names or "sign-in" in names:
                page.screenshot(path=folder / f"sign-in-{theme}-{width}.png")
            page.goto(server.link())
            for name, path in PAGES.items():
                if names and name not in names:
                    continue
                page.goto(server.url + path)
                page.wait_for_selector("html[data-ready]")
                page.wait_for_timeout(400)
                page.screenshot(path=folder / f"{name}-{theme}-{width}.png", full_page=True)
            context.close()


async def _add_user(server: LiveServer) -> None:
    from towline.store import User, utc_now

    row = User(name=scene.USER, role="admin", disabled=False, created=utc_now())
    await server.services.access.directory.save(row)


def main() -> None:
    """Run a populated server and take pictures of it."""
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["TOWLINE_HOME"] = f"{home}/home"
        scene.USER = "ada"
        scene.define_clusters()
        scene.install(Path(home) / "sources")
        scene.make_runs()
        with running(Path(home) / "server") as server, sync_playwright() as playwright:
            server.dress()
            asyncio.run_coroutine_threadsafe(_add_user(server), server.loop).result(20)
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
            )
            take(server, browser, folder, sys.argv[2:])
            browser.close()


if __name__ == "__main__":
    main()
