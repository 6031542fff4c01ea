"""One step of the doctor's way to a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from towline.errors import TowlineError


class Status(str, Enum):
    """How a step ended."""

    OK = "ok"
    WARN = "warn"
    """Runs will work, but something deserves a look."""
    FAIL = "fail"
    """Runs cannot work until this is put right."""
    SKIPPED = "skipped"
    """Not tried: a step that it builds on has failed."""


@dataclass(frozen=True)
class CheckStep:
    """What the doctor found at one step.

    Args:
        name: the step, in at most 17 characters.
        status: how it ended.
        detail: what was found, in one sentence.
        seconds: how long it took; None when it was not tried.
        next_step: what to do or type next; empty when nothing need be done.
        error: what a run would be stopped with; only of failed steps.

    """

    name: str
    status: Status
    detail: str
    seconds: float | None = None
    next_step: str = ""
    error: TowlineError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the step as ``--json`` prints it."""
        return {
            "step": self.name,
            "status": self.status.value,
            "detail": self.detail,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "next": self.next_step,
            "error": type(self.error).__name__ if self.error else None,
        }


def exit_code(steps: list[CheckStep]) -> int:
    """Return the CLI's exit code: that of the first failed step's error, or 0."""
    failed = (step.error for step in steps if step.error is not None)
    return next((error.exit_code for error in failed), 0)
