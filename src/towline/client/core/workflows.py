"""Operations on workflows, and on the files that their forms take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from towline.client.core.caller import Caller
from towline.client.core.calls import Call, Steps, path_of
from towline.client.models import Upload, WorkflowInfo
from towline.errors import DefinitionError


def list_workflows(caller: Caller) -> Steps[list[WorkflowInfo]]:
    """Return the workflows that one may see."""
    return (yield from caller.all(WorkflowInfo, "/workflows"))


def get(caller: Caller, name: str, version: int | None = None) -> Steps[WorkflowInfo]:
    """Return a workflow, its newest version when none is named."""
    call = Call("GET", path_of("workflows", name), {"version": version})
    return (yield from caller.record(WorkflowInfo, call))


def versions(caller: Caller, name: str) -> Steps[list[WorkflowInfo]]:
    """Return all versions of a workflow."""
    return (yield from caller.all(WorkflowInfo, path_of("workflows", name, "versions")))


def form(caller: Caller, name: str, version: int | None = None) -> Steps[dict[str, Any]]:
    """Return what a workflow asks for, as JSON Schema."""
    call = Call("GET", path_of("workflows", name, "form"), {"version": version})
    found = yield from caller.data(call)
    return dict(found)


def check(
    caller: Caller,
    name: str,
    inputs: Mapping[str, Any],
    version: int | None = None,
    clusters: Mapping[str, str] | None = None,
    preset: str | None = None,
) -> Steps[dict[str, Any]]:
    """Return inputs as the server has checked and completed them; nothing is launched."""
    call = Call(
        "POST",
        path_of("workflows", name, "check"),
        {"version": version},
        {
            "inputs": dict(inputs),
            **({"clusters": dict(clusters)} if clusters else {}),
            **({"preset": preset} if preset else {}),
        },
    )
    return dict((yield from caller.data(call)) or {})


def add(
    caller: Caller,
    *,
    git: str | None = None,
    ref: str | None = None,
    path: str | None = None,
    folder: str | None = None,
    archive: Path | None = None,
    name: str | None = None,
) -> Steps[WorkflowInfo]:
    """Install a workflow from a git repository, a folder on the server, or an archive from here.

    Raises:
        DefinitionError: not exactly one of the three is given, or the archive cannot be read.

    """
    given = [source for source in (git, path, archive) if source]
    if len(given) != 1:
        raise DefinitionError("workflow", "give one of git, path and archive")
    if archive is not None:
        call = Call(
            "POST",
            "/workflows",
            {"name": name},
            files={"archive": packed(archive)},
            again=False,
        )
    else:
        asked = {"git": git, "ref": ref, "folder": folder, "path": path, "name": name}
        body = {key: value for key, value in asked.items() if value is not None}
        call = Call("POST", "/workflows", body=body, again=False)
    return (yield from caller.record(WorkflowInfo, call))


def update(caller: Caller, name: str) -> Steps[WorkflowInfo]:
    """Make a new version when the workflow has changed where it came from."""
    call = Call("POST", path_of("workflows", name, "update"), again=False)
    return (yield from caller.record(WorkflowInfo, call))


def remove(caller: Caller, name: str) -> Steps[None]:
    """Remove a workflow; its runs stay."""
    yield from caller.send(Call("DELETE", path_of("workflows", name)))


def upload(caller: Caller, file: Path) -> Steps[Upload]:
    """Send a file to the server, for a file field."""
    call = Call("POST", "/uploads", files={"file": (file.name, read(file))})
    return (yield from caller.record(Upload, call))


def with_uploads(caller: Caller, value: Any) -> Steps[Any]:
    """Return inputs with each `Path` sent to the server, and its upload in its place."""
    if isinstance(value, Path):
        return (yield from upload(caller, value)).id
    if isinstance(value, Upload):
        return value.id
    if isinstance(value, Mapping):
        found = {}
        for name, item in value.items():
            found[name] = yield from with_uploads(caller, item)
        return found
    if isinstance(value, list | tuple):
        items = []
        for item in value:
            items.append((yield from with_uploads(caller, item)))
        return items
    return value


def packed(source: Path) -> tuple[str, bytes]:
    """Return an archive's name and bytes; a folder is packed, without what version control keeps.

    Raises:
        DefinitionError: it cannot be read.

    """
    if not source.is_dir():
        return source.name, read(source)
    import io
    import tarfile

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        hidden = {".git", ".hg", "__pycache__"} & set(Path(member.name).parts)
        return None if hidden else member

    name = source.resolve().name
    buffer = io.BytesIO()
    try:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            archive.add(source, arcname=name, filter=wanted)
    except OSError as error:
        raise DefinitionError(str(source), f"cannot be packed: {error.strerror}") from error
    return f"{name}.tar.gz", buffer.getvalue()


def read(file: Path) -> bytes:
    """Return the bytes of a file of the user's.

    Raises:
        DefinitionError: it cannot be read.

    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise DefinitionError(str(file), f"cannot be read: {error.strerror}") from error
