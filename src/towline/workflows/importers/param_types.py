"""The types of ``<param>`` of the old form: what each makes of its element."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from towline.workflows.importers.report import Report
from towline.workflows.importers.scope import Param, Seen
from towline.workflows.importers.xml_tree import Element, is_true

_MOST_BRACKETS = 150
"""More of them might be nested deeper than Python reads."""

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


def unknown_type(
    element: Element, param: Param, value: str | None, seen: Seen, report: Report
) -> None:
    """Make a text of a parameter whose type nobody knows, and say so."""
    report.changed(element.line, param.name, "its type is not known here; a text")
    _text(element, param, value, seen, report)


TYPES: dict[str, Reader] = {
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
"""Type -> what fills a field in, taking the attributes that it knows from the element."""
