"""One version of a workflow, as the catalog keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.workflows.definition import WorkflowDefinition
from towline.workflows.sources.source import Source


@dataclass(frozen=True)
class Installed:
    """A version of a workflow.

    ``folder`` holds its files and is never changed; ``digest`` is of all of them; ``installed_at``
    is in unix seconds. ``version`` is 0 for a folder that is in no catalog.
    """

    name: str
    version: int
    folder: Path
    source: Source
    definition: WorkflowDefinition
    digest: str
    installed_at: float

    @property
    def title(self) -> str:
        """What a person reads: the title, or the name where there is none."""
        return self.definition.title or self.name

    @property
    def readme(self) -> Path | None:
        """Its README in Markdown or plain text; None without one."""
        for name in ("README.md", "readme.md", "README", "README.txt", "README.rst"):
            if (self.folder / name).is_file():
                return self.folder / name
        return None

    @property
    def thumbnail(self) -> Path | None:
        """Its picture; None without one."""
        named = self.definition.thumbnail
        path = self.folder / named if named else None
        return path if path is not None and path.is_file() else None

    def as_dict(self) -> dict[str, Any]:
        """Return what lists and records show of it."""
        return {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "description": self.definition.description,
            "tags": list(self.definition.tags),
            "digest": self.digest,
            "installed_at": self.installed_at,
            "source": self.source.as_dict(),
        }
