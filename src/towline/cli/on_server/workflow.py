"""``towline workflow`` on a server."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import typer

from towline.cli import _output as output
from towline.cli import _workflow_views as views
from towline.cli._workflow_inputs import read_inputs
from towline.cli.on_server._as_local import seconds_of
from towline.client import Client, RunInfo, WorkflowInfo
from towline.client.core.runs import exit_code_of
from towline.errors import DefinitionError, TowlineError
from towline.runs.checks import read_overrides
from towline.runs.render import duration, tasks
from towline.workflows import Installed, WorkflowDefinition, read_source
from towline.workflows.files import find_files, local_file, renamed
from towline.workflows.sources import Source


def add(
    client: Client,
    source: str,
    name: str | None = None,
    ref: str = "",
    folder: str = "",
    as_json: bool = False,
) -> None:
    """Install a workflow; a folder or archive of this machine is sent there."""
    path = Path(source).expanduser()
    with output.working(f"adding {source}"):
        if path.exists():
            made = client.workflows.add(archive=path, name=name)
        else:
            read_source(source, ref=ref, folder=folder)  # raises when it is no source at all
            made = client.workflows.add(
                git=source, ref=ref or None, folder=folder or None, name=name
            )
    _print_installed(made.info(), as_json)


def list_workflows(client: Client, as_json: bool = False) -> None:
    """List the installed workflows."""
    found = [installed_of(each) for each in client.workflows.all()]
    if as_json:
        output.print_json([_as_json(each) for each in found])
        return
    now = time.time()
    output.print_table(
        views.LIST_COLUMNS,
        [views.list_row(each, now) for each in found],
        empty="no workflow is installed; add one: towline workflow add SOURCE",
        numbers=("version",),
    )


def show(
    client: Client,
    workflow: str,
    version: int | None = None,
    form: bool = False,
    as_json: bool = False,
) -> None:
    """Show what a workflow is, what its form asks, and its versions."""
    one = client.workflows[_name(workflow)]
    if form:
        output.print_json(one.form(version))
        return
    found = installed_of(one.info(version))
    versions = [installed_of(each) for each in one.versions()]
    if as_json:
        definition = found.definition.model_dump(mode="json", by_alias=True)
        every = [each.as_dict() for each in versions]
        output.print_json({**_as_json(found), "definition": definition, "versions": every})
        return
    views.print_workflow(found, versions)


def check(
    client: Client,
    workflow: str,
    inputs: list[str] | None = None,
    secret_file: list[str] | None = None,
    cluster: list[str] | None = None,
    preset: str | None = None,
    version: int | None = None,
    as_json: bool = False,
) -> None:
    """Check inputs for a workflow; nothing is run."""
    one = client.workflows[_name(workflow)]
    found = installed_of(one.info(version))
    values = read_inputs(found, inputs or [], secret_file or [], preset)
    one.check(values, version, clusters=read_overrides(cluster or []), preset=preset)
    if as_json:
        output.print_json({**_as_json(found), "ok": True})
        return
    typer.echo(f"{found.name} version {found.version} is right, and so are the inputs")


def run(
    client: Client,
    workflow: str,
    inputs: list[str] | None = None,
    secret_file: list[str] | None = None,
    cluster: list[str] | None = None,
    preset: str | None = None,
    version: int | None = None,
    title: str | None = None,
    detach: bool = False,
    quiet: bool = False,
    as_json: bool = False,
) -> None:
    """Run a workflow; everything is checked before anything is started."""
    one = client.workflows[_name(workflow)]
    found = installed_of(one.info(version))
    values = read_inputs(found, inputs or [], secret_file or [], preset)
    files = find_files(found.definition.inputs, values, local_file)
    run = one.launch(
        renamed(values, files),  # type: ignore[arg-type]  # paths, which the client sends
        clusters=read_overrides(cluster or []),
        version=version,
        preset=preset,
        title=title,
    )
    number = int(run.number)
    if detach:
        _print_started(client, number, quiet, as_json)
        return
    if not quiet and not as_json:
        typer.echo(f"towline: run {number} of {found.name} on {client.url}", err=True)
    ended = _follow(client, number, as_json=as_json)
    if not quiet and not as_json:
        typer.echo(f"towline: {_last_words(ended)}", err=True)
    raise typer.Exit(exit_code_of(ended))


def update(
    client: Client,
    name: str,
    source: str | None = None,
    ref: str = "",
    folder: str = "",
    as_json: bool = False,
) -> None:
    """Make a new version when the workflow has changed where it came from."""
    if source is not None or ref or folder:
        raise DefinitionError(
            f"workflow {name}",
            "on a server it is updated from where it came",
            f"towline workflow remove {name}, then add it from the new place",
        )
    one = client.workflows[name]
    before = one.info()
    with output.working(f"updating {name}"):
        after = one.update()
    if not as_json and before.version == after.version:
        typer.echo(f"{name} has not changed: version {after.version}")
        return
    _print_installed(one.info(), as_json)


def remove(client: Client, name: str) -> None:
    """Remove a workflow with all its versions."""
    client.workflows[name].remove()
    typer.echo(f"workflow {name} removed; its runs are kept: towline run list")


def installed_of(info: WorkflowInfo) -> Installed:
    """Return a workflow of a server as the local catalog would have it."""
    if info.definition is not None:
        definition = WorkflowDefinition.model_validate(info.definition)
    else:  # a line of a list has its head only
        definition = WorkflowDefinition.model_construct(
            title=info.title or "", description=info.description or "", tags=info.tags
        )
    return Installed(
        name=info.name,
        version=info.version or 0,
        folder=Path(),
        source=Source.from_dict({k: v for k, v in info.source.items() if v}),
        definition=definition,
        digest=info.digest,
        installed_at=seconds_of(info.installed_at) or 0.0,
    )


def _name(text: str) -> str:
    if "/" in text or text in (".", ".."):
        raise DefinitionError(
            text, "is a folder of this machine", f"install it first: towline workflow add {text}"
        )
    return text


def _as_json(workflow: Installed) -> dict[str, Any]:
    return workflow.as_dict()


def _follow(client: Client, number: int, *, as_json: bool) -> RunInfo:
    """Pass on what a run writes until it has ended; Ctrl-C cancels it."""
    run = client.runs[number]
    lock = threading.Lock()

    def show(text: str, stream: str) -> None:
        with lock:
            if as_json:
                typer.echo(json.dumps({"event": "output", "stream": stream, "text": text}))
            else:
                target = sys.stderr if stream == "stderr" else sys.stdout
                target.write(text)
                target.flush()

    def errors() -> None:
        try:
            for text in run.follow("stderr"):
                show(text, "stderr")
        except TowlineError:
            return  # the other stream says what is wrong

    beside = threading.Thread(target=errors, daemon=True)
    beside.start()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for text in run.follow():
            show(text, "stdout")
        beside.join(10.0)
        return run.wait()
    except KeyboardInterrupt:
        typer.echo(f"cancelling run {number}: script, then clusters", err=True)
        return run.cancel().wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def _last_words(run: RunInfo) -> str:
    words = f"run {run.number} {run.state}"
    if run.seconds is not None:
        words += f" in {duration(run.seconds)}"
    if run.tasks.total:
        words += f", {tasks(run.tasks.done, run.tasks.failed, run.tasks.total)}"
    if not run.ok and run.reason:
        words += f": {run.reason}"
    return f"{words}, leftovers: {run.leftovers or 'none'}"


def _print_started(client: Client, number: int, quiet: bool, as_json: bool) -> None:
    if as_json:
        run = client.runs[number]
        typer.echo(json.dumps({"run": number, "tag": run.info().tag, "page": run.url}))
    elif quiet:
        typer.echo(number)
    else:
        typer.echo(f"run {number} started on {client.url}")
        typer.echo(f"  follow  towline run logs {number} -f")
        typer.echo(f"  cancel  towline run cancel {number}")


def _print_installed(info: WorkflowInfo, as_json: bool) -> None:
    workflow = installed_of(info)
    if as_json:
        output.print_json(_as_json(workflow))
        return
    typer.echo(f"{workflow.name} version {workflow.version} from {workflow.source}")
    typer.echo(f"  run it   towline workflow run {workflow.name}")
    typer.echo(f"  see it   towline workflow show {workflow.name}")
