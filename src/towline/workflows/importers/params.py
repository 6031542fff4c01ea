"""One ``<param>`` of the old form as a field of the new one."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from towline.workflows.fields import FIELD_TYPES
from towline.workflows.importers.param_types import TYPES, unknown_type
from towline.workflows.importers.report import Fate, Report
from towline.workflows.importers.scope import Param, Seen
from towline.workflows.importers.xml_tree import Element, is_true
from towline.workflows.values import typed

_LAYOUT = ("width", "float", "size", "area")
_SCHEDULER = {"dd": "--", "d": "-", "e": "="}
OPTION = re.compile(r"--?[A-Za-z0-9_][\w.-]*")
_PASSWORD = re.compile(r"passw|secret|token", re.I)


def scheduler_option(name: str) -> str | None:
    """Return the scheduler's option that a name stands for: ``_sch__dd_time_e_``: ``--time=``."""
    if not name.startswith("_sch_"):
        return None
    rest = name.removeprefix("_sch_").replace("___", " ")
    return re.sub(r"_(dd|d|e)_", lambda match: _SCHEDULER[match[1]], rest)


def read_param(element: Element, group: str, seen: Seen, report: Report) -> Param:
    """Return the field that a ``<param>`` becomes; everything about it is reported."""
    attributes = element.attributes
    name = attributes.pop("name", "").strip()
    kind = attributes.pop("type", "text").strip()
    new: dict[str, Any] = {"type": "string", "label": attributes.pop("label", "").strip()}
    if text := attributes.pop("help", "").strip():
        new["help"] = text
    param = Param(name, new, group, written=name)
    before = len(report.lines)
    value = attributes.pop("value", None)
    TYPES.get(kind, unknown_type)(element, param, value, seen, report)
    _required(element, new)
    _argument(element, new, name, report)
    _placeholder(element, new, name, report)
    _left_over(element, name, kind, report)
    _fit(element, new, name, report)
    if option := scheduler_option(name):
        how = f"stands for the scheduler's {option.strip()}; `on:` of a batch job can take it"
        report.carried(element.line, f"{name} ({kind})", how)
    elif not any(line.fate is Fate.CHANGED for line in report.lines[before:]):
        report.carried(element.line, f"{name} ({kind})", f"type {new['type']}")
    if new["type"] == "string" and kind == "text" and _PASSWORD.search(name):
        how = "it is plain text, and stays in the run's record; make it `type: secret`"
        report.changed(element.line, name, how)
    return param


def _required(element: Element, new: dict[str, Any]) -> None:
    if is_true(element.attributes.pop("optional", None)) and "default" not in new:
        new["required"] = False


def _argument(element: Element, new: dict[str, Any], name: str, report: Report) -> None:
    given = element.attributes.pop("argument", "").strip()
    if new["type"] == "secret":
        return
    option = given if given.startswith("-") else f"--{name}"
    new["argument"] = option
    if not OPTION.fullmatch(option):
        new["argument"] = False
        how = f"{option!r} cannot be an option; the script reads it with towline.inputs()"
        report.left_out(element.line, f"{name}: its argument", how)
    elif given and given != option:
        how = "there is no params.run; the value comes as an argument like the others"
        report.left_out(element.line, f"{name}: argument={given!r}", how)


def _placeholder(element: Element, new: dict[str, Any], name: str, report: Report) -> None:
    text = element.attributes.pop("placeholder", "")
    if not text:
        return
    if "placeholder" in FIELD_TYPES[new["type"]].model_fields:
        new["placeholder"] = text
    elif "help" not in new:
        new["help"] = text
        report.changed(element.line, f"{name}: placeholder {text!r}", "the field's help")
    else:
        report.left_out(element.line, f"{name}: placeholder {text!r}", "such a field has none")


def _left_over(element: Element, name: str, kind: str, report: Report) -> None:
    """Report every attribute that nothing was made of."""
    for key, value in element.attributes.items():
        if key in ("depends_on", "show_if"):
            continue  # of conditions.py
        how = "the form has a layout of its own" if key in _LAYOUT else f"type {kind} takes none"
        report.left_out(element.line, f"{name}: {key}={value!r}", how)
    for child in element.children:
        if child.tag != "option" or kind != "select":
            report.left_out(child.line, f"{name}: <{child.tag}>", "nothing is known of it here")


def _fit(element: Element, new: dict[str, Any], name: str, report: Report) -> None:
    """Take back what the field's own rules forbid."""
    said = _complaint(new)
    for keys in (("step",), ("default",), ("step", "default"), ("min", "max", "step", "default")):
        if not said:
            return
        rest = {key: value for key, value in new.items() if key not in keys}
        if not _complaint(rest):
            for key in keys:
                if key in new:
                    report.left_out(element.line, f"{name}: {key}={new.pop(key)!r}", said)
            if new.get("hidden"):
                new["default"] = ""
            return


def _complaint(new: dict[str, Any]) -> str:
    """Return why a field cannot be as it is; empty when it can."""
    try:
        field = FIELD_TYPES[new["type"]].model_validate(new)
        if new.get("default") is not None and new["type"] != "secret":
            typed(field, new["default"])
    except ValidationError as error:
        return error.errors()[0]["msg"]
    except ValueError as error:
        return str(error)
    least, most = new.get("min"), new.get("max")
    if least is None or most is None or least <= most:
        return ""
    return f"min is {least}, max is {most}"
