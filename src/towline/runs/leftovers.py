"""Ask the clusters what runs have left there, and remove it on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from towline.errors import TowlineError
from towline.runs.ending import Leftover
from towline.runs.folder import RunFolder
from towline.runs.liveness import final_event


@dataclass(frozen=True)
class Found:
    """What one cluster answered: what is there, or why it could not be asked."""

    cluster: str
    leftovers: tuple[Leftover, ...] = ()
    error: TowlineError | None = None


class Site(Protocol):
    """A cluster that can be asked about runs by their tags."""

    @property
    def name(self) -> str:
        """The cluster's name."""

    def find(self, tags: Sequence[str]) -> list[Leftover]:
        """Return what is there of some runs; raises TowlineError when it cannot be asked."""

    def remove(self, tags: Sequence[str]) -> None:
        """Remove all that is there of some runs; raises TowlineError when it cannot."""


def search(sites: Sequence[Site], tags: Sequence[str], *, remove: bool = False) -> list[Found]:
    """Ask all clusters at once; with ``remove``, remove what is found and ask again."""

    def one(site: Site) -> Found:
        try:
            left = site.find(tags)
            if left and remove:
                site.remove(tags)
                left = site.find(tags)
        except TowlineError as error:
            return Found(site.name, error=error)
        return Found(site.name, tuple(left))

    if not sites or not tags:
        return []
    with ThreadPoolExecutor(min(len(sites), 16)) as pool:
        return list(pool.map(one, sites))


def cross_out(folders: Iterable[RunFolder], found: Iterable[Found]) -> None:
    """Balance the ledgers of runs on clusters that have nothing of theirs any more."""
    clean = {answer.cluster for answer in found if answer.error is None and not answer.leftovers}
    for folder in folders:
        for entry in folder.ledger.open_entries():
            if entry.cluster in clean:
                folder.ledger.removed(entry.id, by="towline run leftovers")


def ended_runs() -> list[RunFolder]:
    """Return the runs that should have left nothing: those that are over."""
    return [folder for folder in RunFolder.all() if final_event(folder) is not None]


def sites_of(folders: Iterable[RunFolder]) -> list[Site]:
    """Return the clusters that some runs used.

    A run's ledger knows its clusters as they were defined then; a definition of today wins.

    Raises:
        DefinitionError: when a definition cannot be read.

    """
    from towline.clusters import ClusterDefinition, ClusterStore

    store = ClusterStore()
    defined = set(store.names())
    definitions: dict[str, Any] = {}
    for folder in folders:
        for entry in folder.ledger.all_entries():
            if entry.cluster in definitions or "definition" not in entry.facts:
                continue
            if entry.cluster in defined:
                definitions[entry.cluster] = store.load(entry.cluster)
            else:
                stated = entry.facts["definition"]
                definitions[entry.cluster] = ClusterDefinition.model_validate(stated)
    remote = (d for _, d in sorted(definitions.items()) if not d.here)
    return [_SshSite(definition) for definition in remote]


class _SshSite:
    """A cluster behind SSH, connected to when it is asked."""

    def __init__(self, definition: Any) -> None:
        self._definition = definition
        self._reached: tuple[Any, Any] | None = None

    @property
    def name(self) -> str:
        return str(self._definition.name)

    def find(self, tags: Sequence[str]) -> list[Leftover]:
        from towline.engine.leftovers import find

        connection, facts = self._reach()
        left = find(connection, self.name, facts, tags)
        return [Leftover(item.cluster, item.kind, item.what, item.detail) for item in left]

    def remove(self, tags: Sequence[str]) -> None:
        from towline.engine.leftovers import remove

        connection, facts = self._reach()
        remove(connection, self.name, facts, tags)

    def _reach(self) -> tuple[Any, Any]:
        if self._reached is None:
            from towline.clusters import load_facts
            from towline.ssh import Connection

            connection = Connection(self._definition.destination())
            connection.open()
            self._reached = connection, load_facts(self._definition, connection)
        return self._reached
