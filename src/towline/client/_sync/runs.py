"""Runs of a server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from towline.client._sync.stream import events_of
from towline.client.core import runs
from towline.client.core.collections import SyncCollection
from towline.client.core.http import DOWNLOAD_TIMEOUT, NO_ANSWER, no_answer
from towline.client.core.saving import PartFile, target_of
from towline.client.core.streams import Ended, EventStream, log_event, log_stream
from towline.client.models import FileInfo, RunEvent, RunInfo, RunTask

if TYPE_CHECKING:
    from towline.client._sync.client import Client


class Runs(SyncCollection):
    """The runs of a server: ``client.runs[12]``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, number: int | str) -> Run:
        return Run(self._client, number)

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs that you may see, the newest first, page by page."""
        cursor: str | None = None
        while True:
            page = runs.page(self._client._caller, cursor)
            found, cursor = self._client._do(page)
            for info in found:
                yield Run(self._client, info.number)
            if cursor is None:
                return

    def find(self, limit: int = 0, **filters: Any) -> list[RunInfo]:
        """Return the runs that you may see, the newest first.

        Args:
            limit: at most; 0: all.
            filters: ``state``, ``workflow``, ``owner``, ``cluster``, ``tag``, ``text``, ``since``,
                ``until``; a list where several will do.

        """
        return self._client._do(runs.list_runs(self._client._caller, limit, **filters))


class Run:
    """One run, by its number; the server is asked when a method is called."""

    def __init__(self, client: Client, number: int | str) -> None:
        self._client = client
        self.number = number

    @property
    def url(self) -> str:
        """The address of the run's page."""
        return f"{self._client.url}/runs/{self.number}"

    def info(self) -> RunInfo:
        """Return the run as it is now."""
        return self._client._do(runs.get(self._client._caller, self.number))

    def follow(self, output: str = "stdout", offset: int = 0) -> Iterator[str]:
        """Yield what the script writes, until the run has ended.

        A connection that breaks and a server that is started again are waited for: no byte is
        lost, and none comes twice.

        Args:
            output: ``stdout`` or ``stderr``.
            offset: the byte to begin with; negative: so many before the end.

        Raises:
            ServerUnreachable: the server stayed away; the run goes on.

        """
        caller = self._client._caller
        stream = log_stream(self.number, output, offset, caller.server, caller.patience)
        for name, data in events_of(self._client, stream):
            said = log_event(name, data)
            if isinstance(said, Ended):
                return
            if said is not None:
                yield said

    def log(self, output: str = "stdout") -> str:
        """Return what the script has written so far."""
        return self._client._do(runs.log(self._client._caller, self.number, output))

    def details(self) -> RunInfo:
        """Return the run with all that the server says of it, in ``details``."""
        return self._client._do(runs.details(self._client._caller, self.number))

    def events(self) -> list[RunEvent]:
        """Return what has happened in the run so far."""
        return self._client._do(runs.events(self._client._caller, self.number))

    def tasks(self, limit: int = 0, **filters: Any) -> list[RunTask]:
        """Return the tries of the run's tasks.

        Args:
            limit: at most; 0: all.
            filters: ``app``, ``state``, ``cluster``; a list where several will do; ``sort``.

        """
        caller = self._client._caller
        return self._client._do(runs.tasks(caller, self.number, limit, **filters))

    def wait(self, timeout: float | None = None, *, check: bool = False) -> RunInfo:
        """Return the run once it has ended.

        Args:
            timeout: seconds at most; None: as long as it takes.
            check: raise when it did not succeed.

        Raises:
            NotInTime: it took longer; it goes on.
            RunFailed: it did not succeed, and ``check`` is set; its exit code is in the error.

        """
        steps = runs.wait(self._client._caller, self.number, timeout, check=check)
        return self._client._do(steps)

    def cancel(self) -> Run:
        """Ask the run to end and to clean up; `wait` returns when it has."""
        self._client._do(runs.cancel(self._client._caller, self.number))
        return self

    def again(self, inputs: Mapping[str, Any] | None = None) -> Run:
        """Launch the run again, with other inputs where some are given."""
        new = self._client._do(runs.again(self._client._caller, self.number, inputs))
        self._client._started.run(new.number)
        return Run(self._client, new.number)

    def outputs(self) -> list[FileInfo]:
        """Return the files that the workflow names as its outputs."""
        return self._client._do(runs.outputs(self._client._caller, self.number))

    def download(
        self, folder: str | os.PathLike[str] = ".", paths: list[str] | None = None
    ) -> list[Path]:
        """Write the outputs below a folder of this machine; return their paths.

        Args:
            folder: made when it is missing.
            paths: only these of `outputs`; None: all.

        """
        wanted = self.outputs() if paths is None else [FileInfo(path=path) for path in paths]
        return [
            self._save(Path(folder), each.path, "artifacts")
            for each in wanted
            if each.kind == "file"
        ]

    def files(self, folder: str = "") -> list[FileInfo]:
        """Return all files of the run's folder that are shown, or of one below it."""
        return self._client._do(runs.files(self._client._caller, self.number, folder))

    def read(self, path: str) -> bytes:
        """Return the content of one of `files`."""
        return self._client._do(runs.read(self._client._caller, self.number, path))

    def delete(self, *, forget_leftovers: bool = False) -> None:
        """Delete the folder of the run, which must have ended.

        Args:
            forget_leftovers: even when something may remain on a cluster.

        """
        caller = self._client._caller
        steps = runs.delete(caller, self.number, forget_leftovers=forget_leftovers)
        self._client._do(steps)

    def _save(self, folder: Path, path: str, kind: str) -> Path:
        caller = self._client._caller
        target = target_of(folder, path, caller.server)
        stream = EventStream(path, caller.server, caller.patience)
        call = runs.file_call(self.number, path, kind)
        while True:
            with self._client._transport.open(call, DOWNLOAD_TIMEOUT) as reply:
                if isinstance(reply, httpx2.Response):
                    part = PartFile(target)
                    try:
                        for data in reply.iter_bytes():
                            part.write(data)
                        return part.keep()
                    except NO_ANSWER as error:
                        reply = no_answer(error)
                    finally:
                        part.drop()
            time.sleep(stream.pause_after(reply, call))

    def __repr__(self) -> str:
        return f"Run({self.number} of {self._client.url})"
