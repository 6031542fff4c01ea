"""One ``<param>`` of the old form as a field of the new one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from towline.workflows.fields import FIELD_TYPES
from towline.workflows.importers.report import Fate, Report
from towline.workflows.importers.scope import Param, Seen
from towline.workflows.importers.xml_tree import Element
from towline.workflows.values import typed

_LAYOUT = ("width", "float", "size", "area")
_SCHEDULER = {"dd": "--", "d": "-", "e": "="}
_MOST_BRACKETS = 150
"""More of them might be nested deeper than Python reads."""
OPTION = re.compile(r"--?[A-Za-z0-9_][\w.-]*")
_PASSWORD = re.compile(r"passw|secret|token", re.I)


def is_true(text: str | None) -> bool:
    """Return whether an attribute says yes."""
    return (text or "").strip().lower() in ("true", "yes", "1")


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
    _TYPES.get(kind, _unknown)(element, param, value, seen, report)
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


Reader = Callable[[Element, Param, "str | None", Seen, Report], None]


def _text(element: Element, param: Param, value: str | None, _: Seen, __: Report) -> None:
    if value is not None:
        param.field["default"] = value


def _several_lines(
    element: Element, param: Param, value: str | None, seen: Seen, report: Report
) -> None:
    param.field["type"] = "text"
    _text(element, param, value or element.text.strip() or None, seen, report)


def _hidden(element: Element, param: Param, value: str | None, _: Seen, __: Report) -> None:
    param.field |= {"hidden": True, "default": value or ""}


def _integer(element: Element, param: Param, value: str | None, _: Seen, report: Report) -> None:
    numbers = {
        key: element.attributes.pop(key).strip()
        for key in ("min", "max", "step")
        if element.attributes.get(key, "").strip()
    }
    if value is not None and value.strip():
        numbers["default"] = value.strip()
    whole = all(re.fullmatch(r"[+-]?\d+", text) for text in numbers.values())
    param.field["type"] = "integer" if whole else "number"
    if not whole:
        report.changed(element.line, param.name, "a number, as not all of its limits are whole")
    for key, text in numbers.items():
        try:
            param.field[key] = int(text) if whole else float(text)
        except ValueError:
            report.left_out(element.line, f"{param.name}: {key}={text!r}", "it is no number")


def _boolean(element: Element, param: Param, value: str | None, _: Seen, __: Report) -> None:
    attributes = element.attributes
    param.true_value = attributes.pop("truevalue", "True")
    param.false_value = attributes.pop("falsevalue", "False")
    checked = attributes.pop("checked", value)
    param.field |= {
        "type": "boolean",
        "default": is_true(checked) or (checked is not None and checked == param.true_value),
        "true-value": param.true_value,
        "false-value": param.false_value,
    }


def _select(element: Element, param: Param, value: str | None, _: Seen, report: Report) -> None:
    options: list[dict[str, str]] = []
    chosen: list[str] = []
    for option in element.of("option"):
        text = " ".join(option.text.split())
        read = option.attributes.get("value", text)
        if read in [each["value"] for each in options]:
            report.left_out(option.line, f"{param.name}: option {read!r}", "it is there already")
            continue
        options.append(
            {"value": read, "label": text} if text not in ("", read) else {"value": read}
        )
        if is_true(option.attributes.get("selected")):
            chosen.append(read)
        for extra in set(option.attributes) - {"value", "selected"}:
            report.left_out(option.line, f"{param.name}: option {read!r}: {extra}", "no such thing")
    for each in _listed_options(element):
        if each["value"] not in [known["value"] for known in options]:
            options.append(each)
    several = is_true(element.attributes.pop("multiple", None))
    if not options:
        report.changed(element.line, param.name, "a text, as the list has no options of its own")
        _text(element, param, value, Seen(), report)
        return
    param.field |= {"type": "multi-choice" if several else "choice", "options": options}
    if value and not chosen:
        known = [each["value"] for each in options]
        chosen = [each for each in value.split(",") if each in known]
    if several:
        how = "several values come as a JSON list, as text separated by commas before"
        report.changed(element.line, f"{param.name} (select, multiple)", how)
        if chosen:
            param.field["default"] = chosen
    elif chosen or not is_true(element.attributes.get("optional")):
        param.field["default"] = chosen[0] if chosen else options[0]["value"]


def _listed_options(element: Element) -> list[dict[str, str]]:
    """Return the options that later forms have as an attribute, in JSON or Python's spelling."""
    text = element.attributes.get("options", "").strip()
    deep = text.count("[") > 1 or max(map(text.count, "({")) > _MOST_BRACKETS
    try:
        listed = ast.literal_eval(text) if text.startswith("[") and not deep else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    if not isinstance(listed, list) or not all(
        isinstance(each, dict) and isinstance(each.get("value"), str) for each in listed
    ):
        return []  # the attribute stays, and is reported
    del element.attributes["options"]
    return [{"value": each["value"], "label": str(each.get("label", ""))} for each in listed]


def _cluster(element: Element, param: Param, value: str | None, _: Seen, report: Report) -> None:
    attributes = element.attributes
    param.field |= {
        "type": "cluster",
        "workspace": not is_true(attributes.pop("hideUserWorkspace", None)),
    }
    if attributes.pop("hideDisconnectedResources", None) is not None:
        how = "clusters that are off are offered too, with their state"
        report.left_out(element.line, f"{param.name}: hideDisconnectedResources", how)
    if value and value.strip():
        param.field["default"] = value.strip().lower()
    how = "the script gets the cluster's name, not a record with its addresses"
    report.changed(element.line, f"{param.name} (computeResource)", how)


def _of_cluster(kind: str) -> Reader:
    def read(element: Element, param: Param, value: str | None, seen: Seen, report: Report) -> None:
        param.field["type"] = kind
        if value and value.strip():
            param.field["default"] = value.strip()
        resource = element.attributes.pop("resource", "").strip()
        if resource:
            cluster = seen.find(resource, param.group)
            if cluster is not None and cluster.type == "cluster":
                param.field["cluster"] = cluster.name
            else:
                how = "no cluster field that can be seen from here; the only one there is counts"
                report.left_out(element.line, f"{param.name}: resource={resource!r}", how)
        for key in ("account", "partition", "dependent"):
            if (other := element.attributes.pop(key, None)) is not None:
                how = "choices follow the cluster alone"
                report.left_out(element.line, f"{param.name}: {key}={other!r}", how)

    return read


def _data(element: Element, param: Param, value: str | None, _: Seen, report: Report) -> None:
    formats = element.attributes.pop("format", "").replace(",", " ").split()
    param.field["type"] = "file"
    if accept := [f".{each.lstrip('.')}" for each in formats if each not in ("data", "*", "any")]:
        param.field["accept"] = accept
    if value and value.strip():
        how = "a file is chosen at each run; there is no standing one"
        report.left_out(element.line, f"{param.name}: value={value!r}", how)
    how = "the script gets a path in its own folder"
    report.changed(element.line, f"{param.name} (data)", how)


def _secret(element: Element, param: Param, value: str | None, _: Seen, report: Report) -> None:
    param.field["type"] = "secret"
    how = "never an argument: read it with towline.inputs(); a default is not kept"
    report.changed(element.line, f"{param.name} (password)", how)


def _unknown(element: Element, param: Param, value: str | None, seen: Seen, report: Report) -> None:
    report.changed(element.line, param.name, "its type is not known here; a text")
    _text(element, param, value, seen, report)


_TYPES: dict[str, Reader] = {
    "text": _text,
    "hidden": _hidden,
    "select": _select,
    "boolean": _boolean,
    "integer": _integer,
    "float": _integer,
    "computeResource": _cluster,
    "data": _data,
    "textarea": _several_lines,
    "password": _secret,
    "dynamicPartitionDropdown": _of_cluster("partition"),
    "dynamicAccountDropdown": _of_cluster("account"),
    "dynamicQOSDropdown": _of_cluster("qos"),
}


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
    return f"min is {least}, max is {most}" if least and most and least > most else ""
