"""A workflow to begin with: commented, and it runs at once."""

from __future__ import annotations

from pathlib import Path

from towline.errors import DefinitionError, WorkflowExists
from towline.workflows._spelling import NAME, NAME_RULE

_WORKFLOW = """\
# A workflow: a form, and a script that gets what the form was given.
#   towline workflow check .            is everything right?
#   towline workflow run . --input name=you
#   towline workflow add .              install it: every change is a version
title: {title}
description: Says hello, as often as you like.

inputs:                          # the form: name -> field
  name:
    default: world               # a default makes a field optional
    label: Who
    help: Who is greeted.
  times:
    type: integer                # string, text, integer, number, boolean, choice, multi-choice,
    default: 3                   # file, cluster, partition, account, qos, secret, group, list
    min: 1
    max: 100
  style:
    type: choice
    options: [plain, loud]
    default: plain
  marks:
    type: integer
    default: 1
    min: 1
    show-if: {{style: loud}}       # only there when style is loud

run: [python, main.py]           # one word an item; no shell reads them
outputs: [greetings.txt]         # results, below the folder that the script runs in

presets:
  party: {{style: loud, times: 10, marks: 3}}

# To use clusters in main.py with Parsl, say where its executors run:
# executors:
#   sims: {{cluster: mycluster, partition: compute, walltime: "00:10:00"}}
#
# To run the command itself as one batch job, on a cluster that the form asks for:
# on: {{cluster: {{input: where}}, walltime: "00:10:00"}}      # with  where: {{type: cluster}}
"""

_SCRIPT = '''\
"""Say hello. Run it by hand as well: python main.py --name you --times 2"""

from pathlib import Path

import towline

inputs = towline.inputs()  # typed, as workflow.yaml says; a field that is not shown is not there
end = "!" * inputs.get("marks", 0) or "."
lines = [f"Hello {inputs.name}{end}"] * inputs.times
if inputs.style == "loud":
    lines = [line.upper() for line in lines]
print("\\n".join(lines))
Path("greetings.txt").write_text("\\n".join(lines) + "\\n")
'''

_README = """\
# {title}

What it does, what it needs, and what comes out of it.
"""


def write_starter(folder: Path) -> list[Path]:
    """Write a workflow that can be run as it is; return its files.

    Args:
        folder: made when it is not there; its name becomes the workflow's.

    Raises:
        WorkflowExists: there is a workflow, or another of these files, in it already.
        DefinitionError: the name cannot be a workflow's, or it cannot be written.

    """
    name = folder.absolute().name
    if not NAME.fullmatch(name):
        raise DefinitionError(f"workflow {name}", NAME_RULE)
    title = name.replace("_", " ").replace("-", " ").capitalize()
    files = {
        folder / "workflow.yaml": _WORKFLOW.format(title=title),
        folder / "main.py": _SCRIPT,
        folder / "README.md": _README.format(title=title),
    }
    for path in files:
        if path.exists():
            raise WorkflowExists(str(path), "is there already", "choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DefinitionError(
            str(error.filename), f"cannot be written: {error.strerror}"
        ) from error
    return list(files)
