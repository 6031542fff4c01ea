"""Workflows of a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towline.client._sync.runs import Run
from towline.client.core import runs, workflows
from towline.client.core.collections import SyncCollection
from towline.client.models import WorkflowInfo

if TYPE_CHECKING:
    import os

    from towline.client._sync.client import Client


class Workflows(SyncCollection):
    """The workflows of a server: ``client.workflows["hello"]``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, name: str) -> Workflow:
        return Workflow(self._client, name)

    def __iter__(self) -> Iterator[Workflow]:
        """Yield the workflows that you may see, by name."""
        for info in self.all():
            yield Workflow(self._client, info.name)

    def all(self) -> list[WorkflowInfo]:
        """Return the workflows that you may see."""
        return self._client._do(workflows.list_workflows(self._client._caller))

    def add(
        self,
        *,
        git: str | None = None,
        ref: str | None = None,
        folder: str | None = None,
        path: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> Workflow:
        """Install a workflow.

        Args:
            git: address of a repository.
            ref: branch, tag or commit of it.
            folder: the workflow's, in the repository.
            path: folder on the server's machine; for administrators.
            archive: ``.zip`` or ``.tar.gz`` on this machine, or a folder of it, which is packed.
            name: None: the folder's or the repository's.

        """
        steps = workflows.add(
            self._client._caller,
            git=git,
            ref=ref,
            folder=folder,
            path=path,
            archive=None if archive is None else Path(archive),
            name=name,
        )
        return Workflow(self._client, (self._client._do(steps)).name)


class Workflow:
    """One workflow, by its name; the server is asked when a method is called."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def info(self, version: int | None = None) -> WorkflowInfo:
        """Return what is known of the workflow, of its newest version when none is named."""
        return self._client._do(workflows.get(self._client._caller, self.name, version))

    def versions(self) -> list[WorkflowInfo]:
        """Return all versions."""
        return self._client._do(workflows.versions(self._client._caller, self.name))

    def form(self, version: int | None = None) -> dict[str, Any]:
        """Return what the workflow asks for, as JSON Schema."""
        return self._client._do(workflows.form(self._client._caller, self.name, version))

    def check(
        self,
        inputs: Mapping[str, Any],
        version: int | None = None,
        *,
        clusters: Mapping[str, str] | None = None,
        preset: str | None = None,
    ) -> dict[str, Any]:
        """Return inputs as the server has checked and completed them; nothing is launched.

        Raises:
            InputsWrong: with all that is wrong.

        """
        caller = self._client._caller
        steps = workflows.check(caller, self.name, inputs, version, clusters, preset)
        return self._client._do(steps)

    def launch(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        clusters: Mapping[str, str] | None = None,
        version: int | None = None,
        preset: str | None = None,
        title: str | None = None,
        key: str | None = None,
    ) -> Run:
        """Launch the workflow.

        Args:
            inputs: what its form asks for; a `pathlib.Path` is sent to the server.
            clusters: executor label -> cluster, in place of the workflow's own choice.
            version: None: the newest.
            preset: inputs that were kept under a name; ``inputs`` go over them.
            title: a line to know the run by.
            key: launching twice with one key launches once, also from another process.

        Raises:
            InputsWrong: the inputs do not fit; nothing was launched.

        """
        caller = self._client._caller
        sent = self._client._do(workflows.with_uploads(caller, dict(inputs or {})))
        steps = runs.launch(
            caller,
            self.name,
            sent,
            clusters=clusters,
            version=version,
            preset=preset,
            title=title,
            key=key,
        )
        run = self._client._do(steps)
        self._client._started.run(run.number)
        return Run(self._client, run.number)

    def update(self) -> WorkflowInfo:
        """Install the workflow anew from where it came; runs that go on keep their version."""
        return self._client._do(workflows.update(self._client._caller, self.name))

    def remove(self) -> None:
        """Remove the workflow; its runs stay."""
        self._client._do(workflows.remove(self._client._caller, self.name))

    def __repr__(self) -> str:
        return f"Workflow({self.name!r} of {self._client.url})"
