"""What the old form runs: ``<command interpreter>``."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import Any

from towline.errors import DefinitionError
from towline.workflows.importers.report import Report
from towline.workflows.importers.xml_tree import Element

WRAPPERS = ("parsl_wrapper.sh", "parsl_utils/main.sh", "parsl_utils/parsl_wrapper.sh")
"""They completed executors.json, opened tunnels and made environments, then ran main.py."""

MAIN = "main.py"

_NOT_HERE = {
    "swift": "the Swift/K language is not run here: rewrite it, or name its own command in `run`",
    "jetstream": "it is not run here: name its own command in `run`",
}


def read_command(element: Element, files: set[str], report: Report) -> dict[str, Any]:
    """Return ``run``, and what goes with it.

    Args:
        element: the ``<command>``.
        files: names in the workflow's folder.

    Raises:
        DefinitionError: it is empty, or its quotes do not match.

    """
    place = f"{report.file}:{element.line}"
    interpreter = element.attributes.pop("interpreter", "").strip()
    for key, value in element.attributes.items():
        report.left_out(element.line, f"command: {key}={value!r}", "nothing is known of it here")
    try:
        words = shlex.split(element.text)
    except ValueError as error:
        raise DefinitionError(place, f"<command> cannot be read: {error}") from error
    if not words:
        raise DefinitionError(place, "<command> is empty: there is nothing to run")
    what = f"command {interpreter} {' '.join(words)}".replace("  ", " ")
    if "$" in element.text or "`" in element.text:
        report.changed(element.line, what, "no shell reads it: $ and ` are plain characters now")
    if str(PurePosixPath(words[0])) in WRAPPERS and MAIN in files:
        how = f"{MAIN} is run itself: connections, environments and clean-up are Towline's"
        report.changed(element.line, what, how)
        return {"run": ["python", MAIN, *words[1:]]}
    if interpreter == "parsl-nb":
        how = "run as jupyter nbconvert --execute; the notebook reads its inputs from inputs.json"
        report.changed(element.line, what, how)
        notebook = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", *words]
        return {"run": notebook, "arguments": False}
    if interpreter in _NOT_HERE:
        report.left_out(element.line, what, _NOT_HERE[interpreter])
        return {"run": [interpreter, *words]}
    run = [*_program(interpreter, words[0]), *words[1:]]
    if interpreter in ("", "bash", "parsl"):
        report.carried(element.line, what, f"run: {' '.join(run)}")
    else:
        report.changed(element.line, what, f"run: {' '.join(run)}: is {interpreter} there?")
    return {"run": run}


def _program(interpreter: str, script: str) -> list[str]:
    if interpreter == "parsl" or (not interpreter and script.endswith(".py")):
        return ["python", script]
    if not interpreter:
        return ["bash", script] if script.endswith((".sh", ".bash")) else [script]
    return [interpreter, script]
