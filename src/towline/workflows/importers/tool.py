"""A whole ``workflow.xml`` as what stands in a ``workflow.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from towline.errors import DefinitionError
from towline.workflows.importers.command import read_command
from towline.workflows.importers.conditions import add_conditions
from towline.workflows.importers.params import read_param
from towline.workflows.importers.report import Report
from towline.workflows.importers.scope import Param, Seen
from towline.workflows.importers.xml_tree import Element, is_true

Fields = dict[str, dict[str, Any]]

_NO_NAMES = ("", "NA", "N/A")


def read_tool(root: Element, name: str, files: set[str], report: Report) -> dict[str, Any]:
    """Return what the root element of a form says, in the order of a ``workflow.yaml``.

    Args:
        name: of the workflow, where the form has none.
        files: names in its folder, to know a wrapper's script by.

    Raises:
        DefinitionError: it is no form: no ``<tool>``, or no command.

    """
    if root.tag != "tool":
        raise DefinitionError(
            f"{report.file}:{root.line}", f"begins with <{root.tag}>: a workflow's form is a <tool>"
        )
    new: dict[str, Any] = {"title": _title(root, name, report)}
    inputs: Fields = {}
    for child in root.children:
        if child.tag == "description":
            new["description"] = " ".join(child.text.split())
            report.carried(child.line, "<description>")
        elif child.tag == "command":
            new |= read_command(child, files, report)
        elif child.tag == "inputs":
            reader = _Inputs(report)
            inputs = reader.read(child, "")
            reader.report_collisions()
        elif child.tag == "outputs":
            new["outputs"] = _outputs(child, report)
        elif child.tag == "cancel":
            how = "Towline ends the script and all that it made on clusters; it gets SIGINT first"
            report.left_out(child.line, f"<cancel>: {child.text.strip()}", how)
        elif child.tag == "help":
            new["readme"] = child.text.strip()
            report.carried(child.line, "<help>", "README.md, unless there is one")
        else:
            report.left_out(child.line, f"<{child.tag}>", "nothing is known of it here")
    if "run" not in new:
        raise DefinitionError(f"{report.file}:{root.line}", "has no <command>: nothing to run")
    first = {key: new.pop(key) for key in ("title", "description") if new.get(key)}
    return {
        **first,
        "inputs": inputs,
        **{key: value for key, value in new.items() if value not in ([], "")},
    }


def _title(root: Element, name: str, report: Report) -> str:
    given = root.attributes.pop("name", "").strip()
    identity = root.attributes.pop("id", "").strip()
    title = next((each for each in (given, identity) if each not in _NO_NAMES), name)
    if given in _NO_NAMES:
        report.changed(root.line, f"name={given!r}", f"called {title}")
    elif identity not in (given, *_NO_NAMES):
        report.left_out(
            root.line, f"id={identity!r}", "a workflow is known by the name in its list"
        )
    else:
        report.carried(root.line, f"name={given!r}", "title")
    for key, value in root.attributes.items():
        report.left_out(root.line, f"{key}={value!r}", "nothing is known of it here")
    return title[:100]


def _outputs(element: Element, report: Report) -> list[str]:
    patterns = []
    for data in element.of("data"):
        name = data.attributes.pop("name", "").strip()
        kind = data.attributes.pop("format", "").strip().lstrip(".")
        label = data.attributes.pop("label", "")
        pattern = name if "." in name or not kind else f"{name}.{kind}" if name else f"*.{kind}"
        inside = pattern and not pattern.startswith("/") and ".." not in pattern.split("/")
        what = f"output {name or label!r}"
        if inside:
            patterns.append(f"**/{pattern}" if "/" not in pattern else pattern)
            how = f"looked for as {patterns[-1]} after the run: see that your script writes it"
            report.changed(data.line, what, how)
        else:
            report.left_out(data.line, what, "it does not name a file of the run's own folder")
        for key, value in data.attributes.items():
            report.left_out(data.line, f"{what}: {key}={value!r}", "nothing is known of it here")
    for child in element.children:
        if child.tag != "data":
            report.left_out(child.line, f"<{child.tag}>", "nothing is known of it here")
    return patterns


class _Inputs:
    """Walks ``<inputs>``; sections become groups, conditionals become conditions."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seen = Seen()
        self._options: dict[str, list[tuple[int, str, Any]]] = {}

    def read(self, element: Element, group: str) -> Fields:
        """Return the fields of a container."""
        fields: Fields = {}
        self._children(element.children, group, fields, {})
        return fields

    def report_collisions(self) -> None:
        """Say which options of the script come from several fields that may be shown together."""
        for option, places in self._options.items():
            if len(places) > 1:
                lines = ", ".join(str(line) for line, _, _ in places[1:])
                how = f"as does line {lines}; the script gets it more than once, as it did before"
                self._report.changed(places[0][0], f"passes {option}", how)

    def _children(
        self, children: Iterable[Element], group: str, fields: Fields, when: dict[str, Any]
    ) -> None:
        for child in children:
            if child.tag == "param":
                self._param(child, group, fields, when)
            elif child.tag == "section":
                self._section(child, group, fields, when)
            elif child.tag == "conditional":
                self._conditional(child, group, fields, when)
            else:
                how = "it is no parameter, section or conditional"
                self._report.left_out(child.line, f"<{child.tag}>", how)

    def _param(
        self, element: Element, group: str, fields: Fields, when: dict[str, Any]
    ) -> Param | None:
        if not element.attributes.get("name", "").strip():
            how = "it has no name, so no script can have read it"
            self._report.left_out(element.line, "<param>", how)
            return None
        param = read_param(element, group, self._seen, self._report)
        param.field |= {"show-if": dict(when)} if when else {}
        add_conditions(element, param.name, param.field, group, self._seen, self._report)
        old, param.name = param.name, self._free(param.name, fields, when, element.line)
        if param.field.get("argument") == f"--{param.name}" and not group:
            del param.field["argument"]  # that is what it would be anyway
        if not param.field["label"]:
            del param.field["label"]
        fields[param.name] = param.field
        self._seen.params.append(param)
        if param.type != "secret" and not (when and old != param.name):
            option = param.field.get("argument", f"--{param.name}")
            self._options.setdefault(option, []).append((element.line, group, when))
        return param

    def _section(self, element: Element, group: str, fields: Fields, when: dict[str, Any]) -> None:
        attributes = element.attributes
        attributes.pop("type", None)
        given = attributes.pop("name", "").strip() or f"section_{element.line}"
        title = attributes.pop("title", attributes.pop("label", "")).strip()
        expanded = attributes.pop("expanded", "true")
        name = self._free(given, fields, when, element.line)
        new: dict[str, Any] = {"type": "group", **({"label": title} if title else {})}
        if text := attributes.pop("help", "").strip():
            new["help"] = text
        if not is_true(expanded):
            new["collapsed"] = True
        if when:
            new["show-if"] = dict(when)
        self._report.carried(element.line, f"section {given}", f"group {name}")
        add_conditions(element, given, new, group, self._seen, self._report)
        for key in set(attributes) - {"depends_on", "show_if"}:
            what = f"section {given}: {key}={attributes[key]!r}"
            self._report.left_out(element.line, what, "a section takes none")
        inner = f"{group}.{name}" if group else name
        members = self.read(element, inner)
        if members:
            fields[name] = {**new, "inputs": members}
        else:
            self._report.left_out(element.line, f"section {given}", "there is nothing in it")

    def _conditional(
        self, element: Element, group: str, fields: Fields, when: dict[str, Any]
    ) -> None:
        name = element.attributes.pop("name", "").strip()
        for key, value in element.attributes.items():
            what = f"conditional {name}: {key}={value!r}"
            self._report.left_out(element.line, what, "a conditional takes none")
        driver: Param | None = None
        for child in element.children:
            if child.tag == "param":
                param = self._param(child, group, fields, when)
                driver = driver or param
                if driver is not None and driver is param:
                    how = f"conditions on {driver.name}, beside it"
                    self._report.changed(element.line, f"conditional {name}", how)
            elif child.tag != "when":
                how = "a conditional has a parameter and its cases"
                self._report.left_out(child.line, f"<{child.tag}>", how)
        for case in element.of("when"):
            value = case.attributes.get("value", "")
            wanted = driver.wanted(value) if driver else None
            if driver is None or wanted is None:
                how = "nothing above it ever has that value; its parameters are not carried over"
                what = ", ".join(each.attributes.get("name", "?") for each in case.children)
                self._report.left_out(case.line, f"when {value!r} ({what})", how)
                continue
            self._report.carried(case.line, f"when {value!r}", f"show-if {driver.name}: {wanted}")
            self._children(case.children, group, fields, {driver.name: wanted})

    def _free(self, name: str, fields: Fields, when: dict[str, Any], line: int) -> str:
        """Return a name that is allowed, and free in its group; say so when it is another one."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
        if not re.match(r"[A-Za-z_]", plain):
            plain = f"_{plain}"[:64]
        wanted = plain
        if plain in fields:
            case = re.sub(r"[^A-Za-z0-9_-]", "_", "_".join(map(str, when.values()))) or "again"
            wanted, number = f"{plain[:40]}_{case[:20]}", 2
            while wanted in fields:
                wanted, number = f"{plain[:40]}_{case[:16]}_{number}", number + 1
        if wanted != name:
            why = "the name is taken in its section" if plain == name else "names have a-z, 0-9, _"
            self._report.changed(
                line, name, f"called {wanted}: {why}; to the script it is the same"
            )
        return wanted
