"""Times, spans, sizes and counts as pages write them; the scripts of pages use the same words."""

from __future__ import annotations

import datetime

from towline.runs.render import duration

__all__ = ["ago", "count", "duration", "exact", "iso", "size"]

_STEPS = ((60, "s"), (3600, "min"), (86400, "h"))


def iso(moment: float) -> str:
    """Return unix seconds as the attribute ``datetime`` wants them: UTC, to the second."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact(moment: float) -> str:
    """Return unix seconds in full; a script turns it into the reader's own time zone."""
    return _utc(moment).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(moment: float, now: float) -> str:
    """Return how long ago something was: ``just now``, ``40 s ago``, ``3 days ago``."""
    seconds = now - moment
    if seconds < 5:
        return "just now"
    unit = 1
    for below, name in _STEPS:
        if seconds < below:
            return f"{int(seconds // unit)} {name} ago"
        unit = below
    days = int(seconds // 86400)
    if days < 14:
        return f"{days} day{'' if days == 1 else 's'} ago"
    return _utc(moment).strftime("%-d %b %Y")


def size(number: int) -> str:
    """Return bytes as people read them: ``812 B``, ``4.1 kB``, ``2.3 GB``."""
    if number < 1000:
        return f"{number} B"
    amount = float(number)
    unit = "kB"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - used below
        amount /= 1000
        if amount < 999.5:
            break
    return f"{amount:.1f} {unit}" if amount < 99.5 else f"{amount:.0f} {unit}"


def count(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 run``, ``12 runs``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _utc(moment: float) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    except (OverflowError, OSError, ValueError):  # a record that was tampered with
        return datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
