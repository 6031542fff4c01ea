"""``towline env``: Python environments on the clusters."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from towline.cli import _env_locks
from towline.cli import _output as output
from towline.cli._env_plans import reach
from towline.cli._output import JsonOption
from towline.cli._server import made_here

if TYPE_CHECKING:
    from towline.environments import EnvironmentRequest, Held

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Python environments on the clusters.",
)

Cluster = Annotated[
    str, typer.Argument(help="Name of the cluster; workspace: this machine.", show_default=False)
]
Root = Annotated[str | None, typer.Option(help="Folder of environments on the cluster.")]


@app.command("list")
@made_here
def list_(cluster: Cluster, root: Root = None, json: JsonOption = False) -> None:
    """List the environments on a cluster, the last used first."""
    from towline.environments import list_environments

    connection, facts = reach(cluster)
    with output.working(f"counting files on {cluster}"):
        held = list_environments(connection, facts, root=root)
    if json:
        output.print_json([asdict(item) for item in held])
        return
    output.print_table(
        ("environment", "kind", "MiB", "last used", "used by", "lock"),
        [
            (i.name, i.kind, _mib(i), _age(i.last_used), ", ".join(i.used_by), i.request)
            for i in held
        ],
        empty=f"No environments on {cluster}; runs bring them, or: towline env check {cluster}",
        numbers=("MiB",),
    )


@app.command()
@made_here
def show(
    cluster: Cluster,
    name: Annotated[str | None, typer.Argument(help="Environment; default: the last used.")] = None,
    root: Root = None,
    json: JsonOption = False,
) -> None:
    """Show what an environment is made of: exact packages, Python, when and by whom."""
    from towline.environments import list_environments, lock_record
    from towline.errors import EnvironmentFault

    connection, facts = reach(cluster)
    if name is None:
        held = list_environments(connection, facts, root=root, sizes=False)
        name = next((item.name for item in held if not item.is_shared), None)
        if name is None:
            raise EnvironmentFault(
                f"cluster {cluster}", "has no environments", f"towline env check {cluster}"
            )
    lock = lock_record(connection, facts, name, root=root)
    if json:
        output.print_json({"name": name, **lock})
        return
    built = lock.get("built", {})
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(built.get("at", 0)))
    rows: list[tuple[str, object]] = [("environment", name), ("kind", lock.get("kind"))]
    if lock.get("kind") == "image":
        about = ((key, lock[key]) for key in ("file", "definition", "uri", "sha256") if key in lock)
        rows += about
    if image := lock.get("image"):
        rows.append(
            ("image", next(image[k] for k in ("file", "definition", "uri", "path") if k in image))
        )
    if "packages" in lock:
        rows += [
            ("lock", lock.get("request")),
            ("python", lock.get("python")),
            ("platform", lock.get("platform")),
            ("built", f"{when} by {built.get('by')} on {built.get('on')}"),
        ]
    output.print_table(None, rows)
    pins = lock.get("packages", [])
    output.print_table(
        ("package", "version", "source"),
        [(p["name"], p["version"], p.get("editable") or p.get("source") or "") for p in pins],
    )


@app.command(epilog="Example: towline env check onprem --kind existing --conda-env science")
@made_here
def check(
    cluster: Cluster,
    kind: Annotated[
        Literal["sync", "existing", "uv", "conda", "container"],
        typer.Option(
            help="sync: a copy of this Python's packages. existing: one that is there. uv: made "
            "from --spec. conda: from an environment.yml as --spec. container: of --image or "
            "--definition."
        ),
    ] = "sync",
    image: Annotated[
        str | None,
        typer.Option(help="container: file here, /path there, or docker://…"),
    ] = None,
    definition: Annotated[
        Path | None, typer.Option(help="container: definition file to build the image from.")
    ] = None,
    bind: Annotated[
        list[str] | None, typer.Option(help="container: SOURCE[:TARGET[:ro]]; may be repeated.")
    ] = None,
    gpu: Annotated[
        Literal["none", "nv", "rocm"], typer.Option(help="container: bring a driver into it.")
    ] = "none",
    spec: Annotated[
        Path | None,
        typer.Option(
            help="uv: requirements, pyproject.toml, or a script with a header. conda: "
            "environment.yml."
        ),
    ] = None,
    transport: Annotated[
        Literal["auto", "push", "proxy", "direct"],
        typer.Option(help="uv, conda: sent, or installed there, through SSH (uv) or directly."),
    ] = "auto",
    package: Annotated[
        list[str] | None, typer.Option(help="sync: only this and its needs; may be repeated.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Python there: a path, 3.11, or workspace (send ours).")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="existing: folder of a venv.")] = None,
    conda_env: Annotated[str | None, typer.Option(help="existing: name or folder.")] = None,
    conda_dir: Annotated[str, typer.Option(help="existing: conda's folder.")] = "~/miniconda3",
    module: Annotated[
        list[str] | None, typer.Option(help="Module to load first; may be repeated.")
    ] = None,
    root: Root = None,
    json: JsonOption = False,
) -> None:
    """Bring an environment to a cluster as a run would, and try it there."""
    request = _request(
        kind="container" if image or definition else kind,
        container=_container(image, definition, bind, gpu),
        spec=str(spec.absolute()) if spec else None,
        transport=transport,
        packages=tuple(package) if package else None,
        python=python,
        prefix=prefix,
        conda_env=conda_env,
        conda_dir=conda_dir,
        modules=tuple(module or ()),
        root=root,
    )
    _try(cluster, request, json=json)


app.command("lock", epilog=_env_locks.LOCK_EXAMPLE)(_env_locks.lock)
app.command("diff", epilog=_env_locks.DIFF_EXAMPLE)(_env_locks.diff)
app.command("rebuild", epilog=_env_locks.REBUILD_EXAMPLE)(_env_locks.rebuild)


@app.command()
@made_here
def gc(
    cluster: Cluster,
    older_than: Annotated[
        float, typer.Option(min=0, help="Days for which nobody has used it.")
    ] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    root: Root = None,
    json: JsonOption = False,
) -> None:
    """Delete environments that no run uses and nobody has used for a while."""
    from towline.environments import delete, list_environments, to_delete

    connection, facts = reach(cluster)
    held = list_environments(connection, facts, root=root)
    going = to_delete(held, older_than_days=older_than, now=time.time())
    if not dry_run:
        going = [item for item in going if delete(connection, facts, item, root=root)]
    if json:
        output.print_json([asdict(item) for item in going])
        return
    done = "would go" if dry_run else "deleted"
    for item in going:
        typer.echo(f"{done}: {item.name} ({_mib(item)} MiB)")
    typer.echo(f"{len(going)} of {len(held)} {done}")


def _try(cluster: str, request: EnvironmentRequest, *, json: bool) -> None:
    from towline.environments import preflight, realise

    connection, facts = reach(cluster)
    started = time.monotonic()
    states: list[dict[str, Any]] = []

    def report(event: str, **what: Any) -> None:
        states.append({"event": event, **what})

    with output.working(f"environment on {cluster}"):
        environment = realise(request, connection, facts, cluster=cluster, report=report)
        ready = time.monotonic()
        passed = preflight(environment, connection, cluster=cluster, executor="check")
    worker = passed.worker
    if json:
        about = {
            "key": environment.key,
            "python": environment.python,
            "seconds": round(time.monotonic() - started, 3),
            "worker": asdict(worker),
            "warnings": passed.warnings,
        }
        output.print_json(about)
        return
    pushed = any(state.get("pushed") for state in states)
    how = "brought there" if pushed else "there already"
    output.print_step("ok", "environment", f"{environment.key}, {how}", seconds=ready - started)
    found = f"Python {worker.version}, Parsl {worker.parsl}, {environment.python}"
    output.print_step("ok", "pre-flight", found, seconds=time.monotonic() - ready)
    for note in (state["text"] for state in states if state["event"] == "note"):
        output.print_step("ok", "note", note)
    for warning in passed.warnings:
        output.print_step("warn", "pre-flight", warning)


def _container(
    image: str | None, definition: Path | None, binds: list[str] | None, gpu: str
) -> dict[str, Any] | None:
    from towline.environments.container_request import whole_image

    if not (image or definition):
        return None
    return {
        "image": whole_image(image, Path.cwd()) if image else None,
        "definition": str(definition.absolute()) if definition else None,
        "binds": tuple(binds or ()),
        "gpu": gpu,
    }


_OPTIONS = {
    "container.binds": "--bind",
    "container.image": "--image",
    "container.definition": "--definition",
    "container.gpu": "--gpu",
    "container": "--image",
    "packages": "--package",
    "modules": "--module",
}
"""What the command line calls a key of the request, where that is another word."""


def _request(**values: Any) -> EnvironmentRequest:
    from pydantic import ValidationError

    from towline.environments import EnvironmentRequest
    from towline.errors import DefinitionError

    try:
        return EnvironmentRequest(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        where = _OPTIONS.get(key, "--" + key.replace("_", "-")) if key else "options"
        raise DefinitionError(where, first["msg"].removeprefix("Value error, ")) from error


def _mib(item: Held) -> str:
    return "" if item.size_kb is None else f"{item.size_kb / 1024:.1f}"


def _age(moment: int) -> str:
    if not moment:
        return ""
    days = (time.time() - moment) / 86400
    return "today" if days < 1 else f"{days:.0f} days ago"
