"""``towline workflow``: make, install, check and run workflows: a form, a script, versions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from towline.cli import _output as output
from towline.cli import _workflow_views as views
from towline.cli._output import JsonOption
from towline.cli._server import also_on_server
from towline.cli._workflow_import import import_
from towline.cli._workflow_inputs import read_inputs
from towline.errors import DefinitionError
from towline.runs.checks import read_overrides
from towline.runs.launching import check as check_inputs
from towline.runs.launching import prepare, start, start_process
from towline.runs.watch import Watcher
from towline.workflows import (
    FILE,
    Catalog,
    Installed,
    form_schema,
    from_folder,
    read_source,
)
from towline.workflows.pickers import remembered_choices
from towline.workflows.starter import write_starter

HELP = """Workflows: a folder with a form and a script, installed in versions.

A workflow is run by the name it is installed under, or from its folder (./mine) as it stands."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
)


app.command("import")(import_)


def complete_name(incomplete: str) -> list[str]:
    """Return the names of installed workflows that begin like this."""
    return [name for name in Catalog().names() if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the workflow.",
        autocompletion=complete_name,
        show_default=False,
    ),
]
NameOrFolder = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FOLDER",
        help="Name of an installed workflow, or a folder with a workflow.yaml.",
        autocompletion=complete_name,
        show_default=False,
    ),
]
Version = Annotated[
    int | None, typer.Option("--version", min=1, help="Which version; default: the newest.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE|@FILE",
        help="An input; group.name=value in a group; lists as JSON. @FILE: JSON or YAML with any "
        "number of them. What comes later wins.",
    ),
]
SecretFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-file",
        metavar="NAME=FILE",
        help="A secret from a file. Else it is TOWLINE_SECRET_NAME, or asked for.",
    ),
]
Clusters = Annotated[
    list[str] | None,
    typer.Option("--cluster", metavar="LABEL=NAME", help="Put an executor on another cluster."),
]
Preset = Annotated[
    str | None, typer.Option(help="Start from this named set of inputs of the workflow's.")
]
Ref = Annotated[str, typer.Option(help="Of git: branch, tag or commit; default: its own branch.")]
Folder = Annotated[str, typer.Option(help="Of git: the workflow's folder in the repository.")]


@app.command(epilog="Example: towline workflow new hello && towline workflow run ./hello")
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To make; its name is kept.")],
) -> None:
    """Make a workflow to begin with: commented, and it runs at once."""
    for path in write_starter(folder):
        typer.echo(f"wrote {path}")
    shown = folder if folder.is_absolute() else Path(".", folder)
    prefix = "" if folder.is_absolute() else "./"
    typer.echo(f"  run it      towline workflow run {prefix}{shown}")
    typer.echo(f"  install it  towline workflow add {prefix}{shown}")


@app.command(epilog="Example: towline workflow add https://github.com/you/hello.git --ref v2")
@also_on_server("workflow.add")
def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Folder, git URL, or archive (tar, zip).")
    ],
    name: Annotated[
        str | None, typer.Option(help="Install it under this name; default: the source's.")
    ] = None,
    ref: Ref = "",
    folder: Folder = "",
    as_json: JsonOption = False,
) -> None:
    """Install a workflow: its files are copied, a git repository is pinned to a commit."""
    wanted = read_source(source, ref=ref, folder=folder)
    with output.working(f"adding {source}") as working:
        installed = Catalog().add(wanted, name, working)
    _print_installed(installed, as_json)


@app.command("list")
@also_on_server("workflow.list_workflows")
def list_workflows(as_json: JsonOption = False) -> None:
    """List the installed workflows."""
    catalog = Catalog()
    found = catalog.list()
    if as_json:
        output.print_json([views.workflow_json(each) for each in found])
        return
    now = time.time()
    output.print_table(
        views.LIST_COLUMNS,
        [views.list_row(each, now) for each in found],
        empty="no workflow is installed; make one: towline workflow new hello",
        numbers=("version",),
    )
    for name in sorted(set(catalog.names()) - {each.name for each in found}):
        typer.echo(f"{name}: cannot be read; see: towline workflow show {name}", err=True)


@app.command()
@also_on_server("workflow.show")
def show(
    workflow: NameOrFolder,
    version: Version = None,
    form: Annotated[
        bool, typer.Option("--form", help="Print its form as JSON Schema instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a workflow is, what its form asks, and its versions."""
    found = workflow_of(workflow, version)
    if form:
        output.print_json(form_schema(found.definition, remembered_choices(), found.name))
        return
    catalog = Catalog()
    numbers = catalog.versions(found.name) if found.version else []
    versions = [catalog.load(found.name, number) for number in numbers]
    if as_json:
        output.print_json(
            {
                **views.workflow_json(found),
                "definition": found.definition.model_dump(mode="json", by_alias=True),
                "versions": [each.as_dict() for each in versions],
            }
        )
        return
    views.print_workflow(found, versions)


@app.command(epilog="Example: towline workflow check ./mine -i steps=10")
@also_on_server("workflow.check")
def check(
    workflow: NameOrFolder,
    inputs: Inputs = None,
    secret_file: SecretFiles = None,
    cluster: Clusters = None,
    preset: Preset = None,
    version: Version = None,
    as_json: JsonOption = False,
) -> None:
    """Check a workflow, and inputs for it when some are given; nothing is run."""
    found = workflow_of(workflow, version)
    given = inputs or secret_file or cluster or preset
    if given:
        values = read_inputs(found, inputs or [], secret_file or [], preset)
        check_inputs(found, values, clusters=read_overrides(cluster or []), preset=preset)
    if as_json:
        output.print_json({**views.workflow_json(found), "ok": True})
        return
    inputs_too = ", and so are the inputs" if given else ""
    typer.echo(f"{found.folder / FILE} is right{inputs_too}")


@app.command(epilog="Example: towline workflow run hello -i name=you --detach")
@also_on_server("workflow.run")
def run(
    workflow: NameOrFolder,
    inputs: Inputs = None,
    secret_file: SecretFiles = None,
    cluster: Clusters = None,
    preset: Preset = None,
    version: Version = None,
    title: Annotated[str | None, typer.Option(help="What to call the run.")] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it, print its number and leave.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show the script's output and failures only.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events and output as JSON lines.")
    ] = False,
) -> None:
    """Run a workflow; everything is checked before anything is started."""
    from towline.cli.run import print_started, screen_for

    found = workflow_of(workflow, version)
    prepared = prepare(
        found,
        read_inputs(found, inputs or [], secret_file or [], preset),
        clusters=read_overrides(cluster or []),
        preset=preset,
        title=title,
    )
    if detach:
        print_started(start(prepared), quiet, as_json)
        return
    screen = screen_for(quiet, as_json)
    try:
        code = Watcher(prepared.folder, screen, lambda: start_process(prepared)).watch()
    except BrokenPipeError:
        raise typer.Exit(141) from None  # as a shell says of a command that SIGPIPE ended
    raise typer.Exit(code)


@app.command()
@also_on_server("workflow.update")
def update(
    name: Name,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]", help="Take it from here; default: where it came from last."
        ),
    ] = None,
    ref: Ref = "",
    folder: Folder = "",
    as_json: JsonOption = False,
) -> None:
    """Make a new version when the workflow has changed where it came from."""
    if source is None and (ref or folder):
        raise DefinitionError(f"workflow {name}", "--ref and --folder need a SOURCE")
    catalog = Catalog()
    before = catalog.versions(name)
    wanted = read_source(source, ref=ref, folder=folder) if source is not None else None
    with output.working(f"updating {name}") as working:
        installed = catalog.update(name, wanted, working)
    if not as_json and before and installed.version == before[-1]:
        typer.echo(f"{name} has not changed: version {installed.version}")
        return
    _print_installed(installed, as_json)


@app.command()
@also_on_server("workflow.remove")
def remove(name: Name) -> None:
    """Remove a workflow with all its versions; its runs keep their own copies."""
    Catalog().remove(name)
    typer.echo(f"workflow {name} removed; its runs are kept: towline run list")


def workflow_of(text: str, version: int | None = None) -> Installed:
    """Return the workflow that a word means: installed, or a folder as it stands.

    Raises:
        DefinitionError: there is none, or it is wrong.

    """
    path = Path(text).expanduser()
    if "/" in text or text in (".", "..") or path.name == FILE:
        if version is not None:
            raise DefinitionError(text, "is a folder: it has no versions until it is installed")
        return from_folder(path.parent if path.name == FILE else path)
    return Catalog().load(text, version)


def _print_installed(workflow: Installed, as_json: bool) -> None:
    if as_json:
        output.print_json(views.workflow_json(workflow))
        return
    typer.echo(f"{workflow.name} version {workflow.version} from {workflow.source}")
    typer.echo(f"  run it   towline workflow run {workflow.name}")
    typer.echo(f"  see it   towline workflow show {workflow.name}")
