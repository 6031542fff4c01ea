"""One cluster as the server manages it: what is wanted, what was seen, what is due."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pydantic import ValidationError

from towline.clusters import CheckStep, ClusterDefinition, Observation, exit_code
from towline.clusters.power import Desired, PowerState, advance
from towline.clusters.switching import Visit
from towline.errors import DefinitionError, TowlineError
from towline.store import ClusterRecord

SAVE_SECONDS = 60.0
"""A row whose state has not changed is written again after so long."""


@dataclass
class Check:
    """A check of the way to a cluster, going on or over."""

    started: float
    steps: list[CheckStep] = field(default_factory=list)
    running: bool = True
    doing: str = ""

    @property
    def usable(self) -> bool | None:
        """Return whether runs can work; None while it is not known."""
        return None if self.running else exit_code(self.steps) == 0


@dataclass
class Managed:
    """A cluster in the reconciler's memory; used on the event loop only.

    ``let_be``: it was switched off, and is off: a run that connects later is not disturbed.
    ``generation`` counts what people ask and change: a visit that began before is judged anew.
    """

    name: str
    definition: ClusterDefinition | None
    wrong: DefinitionError | None
    stamp: tuple[int, ...]
    desired: Desired | None = None
    state: PowerState = PowerState.OFF
    since: float = field(default_factory=time.time)
    reason: str = ""
    trouble: TowlineError | None = None
    observation: Observation | None = None
    observed_at: float | None = None
    check: Check | None = None
    generation: int = 0
    asked_now: bool = False
    blocked: bool = False
    let_be: bool = False
    busy: bool = False
    failures: int = 0
    due: float = 0.0
    step_due: float = 0.0
    looked: float = 0.0
    watched: float = 0.0
    saved: float = 0.0
    dirty: bool = False

    @property
    def mark(self) -> str:
        """The definition's entity tag: another one after each change of its file."""
        return f'"{hashlib.sha256(repr(self.stamp).encode()).hexdigest()[:32]}"'

    def move(self, state: PowerState, reason: str, trouble: TowlineError | None) -> bool:
        """Go to a state; return whether anything is different now."""
        before = (self.state, self.reason)
        if state is not self.state:
            self.since = time.time()
        self.state, self.reason, self.trouble = advance(self.state, state), reason, trouble
        return (self.state, self.reason) != before

    @property
    def pursued(self) -> Desired | None:
        """Return what the next visit is to bring about; None: nothing."""
        return None if self.let_be else self.desired

    def see(self, seen: Visit) -> bool:
        """Keep what was seen; return whether it is another picture than before.

        What is not observed stays as it was last.

        That we are not connected says nothing of a cluster that could not be connected to.
        """
        observation, before = seen.observation, self.observation
        if observation is None:
            return False
        if seen.trouble is not None and observation.state is PowerState.OFF and before:
            return False
        self.observed_at = observation.observed_at or time.time()
        self.observation = observation
        same = {"observed_at": 0.0, "seconds": 0.0}
        return before is None or before.model_copy(update=same) != observation.model_copy(
            update=same
        )

    def is_watched(self, seconds: float) -> bool:
        """Say whether somebody has looked at it within so many seconds."""
        return time.monotonic() - self.watched < seconds if self.watched else False

    def row(self) -> ClusterRecord:
        """Return what the database keeps."""
        return ClusterRecord(
            name=self.name,
            desired=self.desired.value if self.desired else None,
            state=self.state.value,
            since=_moment(self.since),
            observed_at=None if self.observed_at is None else _moment(self.observed_at),
            reason=self.reason or None,
            observation=None
            if self.observation is None
            else self.observation.model_dump(mode="json"),
        )

    def restore(self, row: ClusterRecord) -> None:
        """Take over what an earlier server has kept; odd rows are what was never seen."""
        self.desired = _one_of(Desired, row.desired)
        state = _one_of(PowerState, row.state)
        self.state = state if state is not None else PowerState.OFF
        self.since = row.since.timestamp()
        self.reason = row.reason or ""
        elastic = self.definition is not None and self.definition.elastic
        stopping = self.state is PowerState.STOPPING
        self.let_be = self.desired is Desired.OFF and not stopping and not elastic
        try:
            kept = row.observation
            self.observation = None if kept is None else Observation.model_validate(kept)
        except ValidationError:
            self.observation = None
        if self.observation is not None and row.observed_at is not None:
            self.observed_at = row.observed_at.timestamp()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _one_of(kind: Any, text: str | None) -> Any:
    return next((member for member in kind if member.value == text), None)
