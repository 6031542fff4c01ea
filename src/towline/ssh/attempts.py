"""When a new connection may be tried: a record that all processes share, and rules on it.

Sites ban addresses that connect too often or fail to log in too often, so the record counts for
every Towline process of this user together.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from towline import errors
from towline.errors import HostUnreachable, TowlineError

MINUTE = 60.0
"""Seconds over which new connections are counted."""


@dataclass(frozen=True)
class Failure:
    """Why the last attempt failed; enough to raise the same error in another process."""

    kind: str
    cause: str
    next_step: str

    @classmethod
    def of(cls, error: TowlineError) -> Failure:
        """Keep what is needed of an error."""
        return cls(type(error).__name__, error.cause, error.next_step)

    def error(self, thing: str, seconds_ago: float | None = None) -> TowlineError:
        """Return the error again, saying how old it is when it was not tried anew."""
        found = getattr(errors, self.kind, HostUnreachable)
        kind = (
            found if isinstance(found, type) and issubclass(found, TowlineError) else TowlineError
        )
        note = "" if seconds_ago is None else f" (tried {seconds_ago:.0f} s ago, not repeated yet)"
        return kind(thing, self.cause + note, self.next_step)


@dataclass(frozen=True)
class Attempts:
    """The attempts of the last minute, and the unbroken row of failures up to now."""

    started: tuple[float, ...] = ()
    """Unix seconds at which connections were started."""
    failures: int = 0
    failed_at: float = 0.0
    failure: Failure | None = None

    def starting(self, now: float) -> Attempts:
        """Count one more attempt."""
        recent = (when for when in self.started if now - MINUTE < when <= now)
        return replace(self, started=(*recent, now))

    def failed(self, failure: Failure, now: float) -> Attempts:
        """Note that the attempt failed."""
        return replace(self, failures=self.failures + 1, failed_at=now, failure=failure)

    def succeeded(self) -> Attempts:
        """Note that the connection is up; earlier failures count no more."""
        return replace(self, failures=0, failure=None)

    def budget_wait(self, now: float, per_minute: int) -> float:
        """Return the seconds until one more connection is within ``per_minute``."""
        recent = sorted(when for when in self.started if now - MINUTE < when <= now)
        if len(recent) < per_minute:
            return 0.0
        return recent[len(recent) - per_minute] + MINUTE - now

    def backoff_wait(self, now: float) -> float:
        """Return the seconds until trying again makes sense after what failed.

        A host that is away is tried again after 1, 2, 4 … 30 s; one that refused us, and would
        count the refusals, after 5, 10, 20 … 300 s.
        """
        if self.failure is None or now < self.failed_at:
            return 0.0
        first, most = (1.0, 30.0) if self.failure.kind == HostUnreachable.__name__ else (5.0, 300.0)
        pause = min(first * 2.0 ** min(self.failures - 1, 16), most)
        return max(0.0, self.failed_at + pause - now)


def load(path: Path) -> Attempts:
    """Read the record; a missing or damaged one is an empty one."""
    try:
        fields = json.loads(path.read_text())
        failure = fields.pop("failure")
        return Attempts(
            **{**fields, "started": tuple(fields["started"])},
            failure=None if failure is None else Failure(**failure),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Attempts()


def save(path: Path, attempts: Attempts) -> None:
    """Replace the record in one step; the caller holds the lock."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(attempts), file)
    part.replace(path)
