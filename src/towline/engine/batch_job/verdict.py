"""How did a batch job end? Decided from the program's exit code and the scheduler's word; pure."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from parsl.jobs.states import JobState, JobStatus

from towline.engine.batch_job.following import Exit

TIMED_OUT = 124
"""Exit code of a job that was ended for its walltime and left none; that of timeout(1)."""
WITHOUT_WORD = 1

FORGOTTEN = "the scheduler no longer knows"
"""Begins the word on a job that :func:`towline.engine.forgotten.judge` knows nothing of."""

TERMINAL = frozenset(
    {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.TIMEOUT,
        JobState.MISSING,
        JobState.SCALED_IN,
    }
)

_OF_ITSELF = re.compile(
    r"(?:FAILED\b|COMPLETED\b|exit (?:code|status)\b|killed by signal|ended by signal).*|",
    re.I | re.S,
)
"""What schedulers say of a job that its own program ended; any other word is about the site."""


@dataclass(frozen=True)
class Verdict:
    """The end of a job.

    Attributes:
        exit_code: the program's own; where it left none, one that stands for what ended it.
        site: why the scheduler ended it, in its words; empty when the program ended by itself.

    """

    exit_code: int
    site: str = ""


def judge(end: Exit | None, status: JobStatus, *, begun: bool) -> Verdict:
    """Return how the job ended.

    A program that was ended by the scheduler has not succeeded, whatever code it left. A job of
    which the scheduler knows nothing any more is judged by the code that its program left.

    Args:
        end: what the job's script left, if it came that far.
        status: the scheduler's last word.
        begun: whether the program was started.

    """
    word = (status.message or "").strip()
    failed_by_site = status.state is JobState.FAILED and not _OF_ITSELF.fullmatch(word)
    if end is not None and word.startswith(FORGOTTEN):
        return Verdict(end.code)
    if status.state in (JobState.TIMEOUT, JobState.CANCELLED) or (failed_by_site and begun):
        code = end.code if end else TIMED_OUT if status.state is JobState.TIMEOUT else WITHOUT_WORD
        return Verdict(code or WITHOUT_WORD, word or status.status_name.lower())
    if end is not None:
        return Verdict(end.code)
    if not begun:
        return Verdict(WITHOUT_WORD, word or "it ended before its program was started")
    return Verdict(
        WITHOUT_WORD,
        f"{word or 'it is gone'}; its program left no exit code: killed, node lost, or disk full",
    )


def as_after_signal(code: int) -> str:
    """Return which signal an exit code over 128 stands for, by the shells' convention."""
    try:
        return f"as after {signal.Signals(code - 128).name}" if code > 128 else ""
    except ValueError:
        return ""
