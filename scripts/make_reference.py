"""Write the generated parts of docs/: executor keys, command line, errors; each from the code.

A generated part of a page lies between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``;
the rest of the page is written by hand.

    .venv/bin/python scripts/make_reference.py           write
    .venv/bin/python scripts/make_reference.py --check   fail when a page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from reference.api import routes, shapes
from reference.command_line import command_line
from reference.error_tree import error_classes, error_tree
from reference.executors import executor_keys, ignored_keys, talk_keys
from reference.python_api import signature
from reference.schedulers import what_fakes_ran, what_ran, what_was_read
from reference.workflows import common_field_keys, field_types, workflow_keys

DOCS = Path(__file__).parent.parent / "docs"

PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "executors.md": {
        "executor keys": executor_keys,
        "keys of 2022": talk_keys,
        "ignored keys": ignored_keys,
    },
    "api-reference.md": {"routes": routes, "shapes": shapes},
    "python-api.md": {
        "load": partial(signature, "load"),
        "config": partial(signature, "config"),
        "inputs": partial(signature, "inputs"),
    },
    "schedulers.md": {
        "what ran": what_ran,
        "what fakes ran": what_fakes_ran,
        "what was read": what_was_read,
    },
    "workflows.md": {
        "workflow keys": workflow_keys,
        "field keys": common_field_keys,
        "field types": field_types,
    },
    "cli.md": {"command line": command_line},
    "errors.md": {"error tree": error_tree, "error classes": error_classes},
}


def pages() -> dict[Path, str]:
    """Return every page that has generated parts, as it should be."""
    found: dict[Path, str] = {}
    for page, parts in PARTS.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, render in parts.items():
            text = replaced(page, text, name, render())
        found[DOCS / page] = text
    return found


def replaced(page: str, text: str, name: str, content: str) -> str:
    """Return a page's text with one generated part made anew."""
    start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise SystemExit(f"{page} needs one {start} and one {end}")
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Write the pages, or with --check say which are out of date."""
    wanted = pages()
    stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    names = ", ".join(path.name for path in stale)
    if "--check" in sys.argv:
        if stale:
            sys.exit(f"out of date: {names}. next: .venv/bin/python scripts/make_reference.py")
        return
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    print(f"wrote {names}" if stale else "all pages are current")


if __name__ == "__main__":
    main()
