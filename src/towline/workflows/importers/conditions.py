"""``depends_on`` and ``show_if`` of the old form, as ``show-if``."""

from __future__ import annotations

import json
from typing import Any

from towline.workflows.importers.report import Report
from towline.workflows.importers.scope import Seen
from towline.workflows.importers.xml_tree import Element


def add_conditions(
    element: Element,
    name: str,
    new: dict[str, Any],
    group: str,
    seen: Seen,
    report: Report,
) -> None:
    """Add to a field when it is shown, from its element's attributes.

    What cannot be said leaves the field always shown, and not required.
    """
    depends = element.attributes.pop("depends_on", "").strip()
    shown = element.attributes.pop("show_if", "").strip()
    if not depends and not shown:
        return
    driver = (
        seen.find(shown, group) if not depends and shown.replace(".", "").isidentifier() else None
    )
    if driver is not None and driver.type == "boolean":  # it may name a yes-or-no parameter alone
        depends, shown = shown, "true"
    for other, values in _pairs(depends, shown).items():
        what = f"{name}: shown if {other} is {' or '.join(values)}"
        param = seen.find(other, group)
        if param is None:
            why = (
                "it is in another section or a secret, where conditions do not reach"
                if seen.elsewhere(other)
                else "there is no such parameter above it"
            )
            report.left_out(element.line, what, f"{why}; always shown, and not required")
            if new["type"] not in ("group", "boolean"):
                new["required"] = False
            continue
        wanted = [each for value in values if (each := param.wanted(value)) is not None]
        if len(wanted) < len(values):
            report.left_out(element.line, what, f"{other} never has such a value")
        if wanted:
            new.setdefault("show-if", {})[param.name] = wanted[0] if len(wanted) == 1 else wanted


def _pairs(depends: str, shown: str) -> dict[str, list[str]]:
    """Return name -> values of what the two attributes say together."""
    try:
        read = json.loads(shown) if shown[:1] in ("{", "[") else shown
    except ValueError:
        read = shown
    if isinstance(read, dict):
        return {str(name): _texts(value) for name, value in read.items()}
    names = [name.strip() for name in depends.split(",") if name.strip()]
    return {name: _texts(read) for name in names or ["?"]}


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [json.dumps(each) if isinstance(each, bool) else str(each) for each in values]
