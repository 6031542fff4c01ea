"""What the engine needs from the record of a run: somewhere to report, and a ledger.

The ``runs`` room implements both on files; here are only the doors, so that imports point down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Report = Callable[..., None]
"""Takes one event: its name, and its facts as keywords (JSON values)."""


class LedgerEntry(Protocol):
    """One thing that was, or may have been, created somewhere."""

    @property
    def id(self) -> str:
        """The entry's number in its ledger."""

    @property
    def kind(self) -> str:
        """``remote_folder``, ``job`` or ``environment_mark``."""

    @property
    def cluster(self) -> str:
        """The cluster's name."""

    @property
    def facts(self) -> dict[str, Any]:
        """All that was written about it: name, job id, path, definition of the cluster."""


class Ledger(Protocol):
    """What a run has created anywhere: written before creating, balanced after removing."""

    def intend(self, kind: str, cluster: str, **what: Any) -> str:
        """Write that something is about to be created; return the entry's id."""

    def created(self, entry: str, /, **facts: Any) -> None:
        """Write that it exists, and what is now known of it."""

    def removed(self, entry: str, /, **facts: Any) -> None:
        """Write that it is gone."""

    def open_entries(self) -> list[Any]:
        """Return the entries that were not removed, as :class:`LedgerEntry`."""
