"""A workflow from a folder of this machine: copied."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from towline.errors import DefinitionError
from towline.workflows.sources.source import Progress, Source
from towline.workflows.sources.tree import Limits, copy_tree


@dataclass(frozen=True)
class FromPath:
    """A folder with a ``workflow.yaml``."""

    path: Path
    limits: Limits = field(default_factory=Limits)

    def suggested_name(self) -> str:
        """Return the folder's name."""
        return self.path.expanduser().absolute().resolve().name

    def fetch(self, into: Path, progress: Progress) -> Source:
        """Copy the folder. Raises DefinitionError as `copy_tree`, and when it cannot be read."""
        path = self.path.expanduser().absolute()
        if not path.is_dir():
            what = "is a file, not a folder" if path.is_file() else "there is no such folder"
            raise DefinitionError(str(self.path), what, "towline workflow new NAME makes one")
        try:
            copy_tree(path, into, str(self.path), self.limits)
        except OSError as error:
            raise DefinitionError(
                str(error.filename or path), f"cannot be copied: {error.strerror or error}"
            ) from error
        return Source("path", str(path))
