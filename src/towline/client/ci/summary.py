"""The summary of a step, for people who open the job's page."""

from __future__ import annotations

from collections.abc import Sequence

from towline.client.models import RunInfo

LAST_LINES = 30


def summary_of(run: RunInfo, url: str, files: Sequence[str], log: str) -> str:
    """Return the summary as Markdown.

    Args:
        run: as it ended.
        url: of its page.
        files: its outputs, as they were fetched.
        log: what the script wrote; its last lines are shown when the run did not succeed.

    """
    tasks = f"{run.tasks.done}/{run.tasks.total}" if run.tasks.total else ""
    if run.tasks.failed:
        tasks += f" ({run.tasks.failed} failed)"
    left = "" if run.leftovers is None else str(run.leftovers or "none")
    facts = {
        "workflow": _workflow(run),
        "state": run.state,
        "because": "" if run.ok else run.reason or "",
        "took": f"{run.seconds:.0f} s" if run.seconds is not None else "",
        "tasks": tasks,
        "clusters": ", ".join(run.clusters),
        "leftovers": left,
        "outputs": ", ".join(files),
    }
    lines = [f"### Towline: [run {run.number}]({url}) {run.state}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {cell(value)} |" for name, value in facts.items() if value]
    if not run.ok and (tail := log.splitlines()[-LAST_LINES:]):
        fence = "`" * max(4, _longest_run_of_ticks(tail) + 1)
        lines += ["", "Last lines of its log:", "", fence, *tail, fence]
    return "\n".join(lines) + "\n\n"


def _workflow(run: RunInfo) -> str:
    if run.workflow is None:
        return ""
    version = f", version {run.workflow.version}" if run.workflow.version else ""
    return f"{run.workflow.name}{version}"


def cell(text: str) -> str:
    """Return a text as the cell of a table: no markup of its own."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|!" else letter for letter in text)
    return " ".join(escaped.split())


def _longest_run_of_ticks(lines: Sequence[str]) -> int:
    import re

    return max((len(found) for line in lines for found in re.findall("`+", line)), default=0)
