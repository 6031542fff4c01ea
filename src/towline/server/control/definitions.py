"""The folder of cluster definitions, watched by looking at sizes and times of its files."""

from __future__ import annotations

from dataclasses import dataclass, field

from towline.clusters import ClusterDefinition, ClusterStore
from towline.clusters.spelling import NAME
from towline.errors import DefinitionError


@dataclass(frozen=True)
class Read:
    """One definition as its file has it, or what is wrong with the file."""

    definition: ClusterDefinition | None
    wrong: DefinitionError | None
    stamp: tuple[int, ...]


@dataclass
class Changes:
    """What is different since the last look."""

    read: dict[str, Read] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


class Definitions:
    """Reads what has changed; people edit the files while the server runs."""

    def __init__(self, store: ClusterStore) -> None:
        self._store = store
        self._stamps: dict[str, tuple[int, ...]] = {}

    def changes(self) -> Changes:
        """Return the definitions that are new or different, and the names of those that went."""
        found = Changes()
        names = self._store.names()
        for name in names:
            try:
                about = self._store.path(name).stat()
            except OSError:
                continue
            stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
            if self._stamps.get(name) == stamp:
                continue
            self._stamps[name] = stamp
            found.read[name] = self._read(name, stamp)
        found.gone = sorted(self._stamps.keys() - set(names))
        for name in found.gone:
            del self._stamps[name]
        return found

    def has(self, name: str) -> bool:
        """Say whether there is a file for a cluster of this name."""
        try:
            NAME.check(name)
        except ValueError:
            return False
        return self._store.path(name).is_file()

    def _read(self, name: str, stamp: tuple[int, ...]) -> Read:
        try:
            return Read(self._store.load(name), None, stamp)
        except DefinitionError as error:
            return Read(None, error, stamp)
