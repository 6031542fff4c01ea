"""Workflows of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towline.client._async.runs import Run
from towline.client.core import runs, workflows
from towline.client.core.collections import AsyncCollection
from towline.client.models import WorkflowInfo

if TYPE_CHECKING:
    import os

    from towline.client._async.client import AsyncClient


class Workflows(AsyncCollection):
    """The workflows of a server: ``client.workflows["hello"]``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def __getitem__(self, name: str) -> Workflow:
        return Workflow(self._client, name)

    async def __aiter__(self) -> AsyncIterator[Workflow]:
        """Yield the workflows that you may see, by name."""
        for info in await self.all():
            yield Workflow(self._client, info.name)

    async def all(self) -> list[WorkflowInfo]:
        """Return the workflows that you may see."""
        return await self._client._do(workflows.list_workflows(self._client._caller))

    async def add(
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
        return Workflow(self._client, (await self._client._do(steps)).name)


class Workflow:
    """One workflow, by its name; the server is asked when a method is called."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self.name = name

    async def info(self, version: int | None = None) -> WorkflowInfo:
        """Return what is known of the workflow, of its newest version when none is named."""
        return await self._client._do(workflows.get(self._client._caller, self.name, version))

    async def versions(self) -> list[WorkflowInfo]:
        """Return all versions."""
        return await self._client._do(workflows.versions(self._client._caller, self.name))

    async def form(self, version: int | None = None) -> dict[str, Any]:
        """Return what the workflow asks for, as JSON Schema."""
        return await self._client._do(workflows.form(self._client._caller, self.name, version))

    async def check(
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
        return await self._client._do(steps)

    async def launch(
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
        sent = await self._client._do(workflows.with_uploads(caller, dict(inputs or {})))
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
        run = await self._client._do(steps)
        self._client._started.run(run.number)
        return Run(self._client, run.number)

    async def update(self) -> WorkflowInfo:
        """Install the workflow anew from where it came; runs that go on keep their version."""
        return await self._client._do(workflows.update(self._client._caller, self.name))

    async def remove(self) -> None:
        """Remove the workflow; its runs stay."""
        await self._client._do(workflows.remove(self._client._caller, self.name))

    def __repr__(self) -> str:
        return f"Workflow({self.name!r} of {self._client.url})"
