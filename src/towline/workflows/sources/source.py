"""Where a workflow comes from, as its record keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Source:
    """Where a version was taken from.

    ``kind`` is ``path``, ``git`` or ``archive``; ``where`` the path or URL (of an archive: its
    file name). Of git: ``ref`` is what was asked for (a branch, tag or commit; empty: the default
    branch), ``commit`` what it then was. ``folder``: of the workflow below, empty for the root.
    """

    kind: Literal["path", "git", "archive"]
    where: str
    ref: str = ""
    commit: str = ""
    folder: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the source as ``installed.json`` and the API show it."""
        return {key: value for key, value in asdict(self).items() if value}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Source:
        """Return the source that ``as_dict`` wrote."""
        return cls(**{str(key): value for key, value in record.items()})

    def __str__(self) -> str:
        ref = f" {self.ref}" if self.ref else ""
        commit = f" ({self.commit[:12]})" if self.commit else ""
        folder = f", folder {self.folder}" if self.folder else ""
        return f"{self.where}{ref}{commit}{folder}"


Progress = Callable[[str], None]
"""Takes a line that says what is being done, for whoever waits."""


class Wanted(Protocol):
    """A place that a workflow can be taken from."""

    def suggested_name(self) -> str:
        """Return the name that the workflow gets when none is given."""
        ...

    def fetch(self, into: Path, progress: Progress) -> Source:
        """Put the workflow's files into an empty folder; return where they are from.

        Raises:
            DefinitionError: there is no workflow, or it cannot be had.

        """
        ...
