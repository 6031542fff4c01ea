"""How busy the workers of a row were in each of many equal spans of time."""

from __future__ import annotations

from dataclasses import dataclass, field

from towline.runs.tasks.timeline import Row


@dataclass(slots=True)
class Share:
    """One span of time of a row.

    ``apps`` maps an app to its share of the workers' time, 0 to 1; ``ended_badly`` counts the tries
    that failed or were lost in it.
    """

    apps: dict[str, float] = field(default_factory=dict)
    ended_badly: int = 0
    begun: list[tuple[str, float]] = field(default_factory=list)
    """App and length, in spans, of the bars that begin here."""

    @property
    def busy(self) -> float:
        """The share of all apps, 0 to 1."""
        return min(1.0, sum(self.apps.values()))

    @property
    def most(self) -> str:
        """The app with the largest share."""
        return max(self.apps, key=lambda app: self.apps[app], default="")


def shares(row: Row, begin: float, seconds: float, number: int) -> list[Share]:
    """Return the shares of ``number`` spans of a row, from ``begin`` on.

    Args:
        row: of a timeline.
        begin: unix seconds.
        seconds: that all spans together take.
        number: of spans.

    """
    found = [Share() for _ in range(number)]
    span = seconds / number
    for bar in row.bars:
        start, end = (bar.start - begin) / span, (bar.end - begin) / span
        first = min(max(int(start), 0), number - 1)
        last = min(max(int(end), first), number - 1)
        app = bar.each.app
        for index in range(first, last + 1):
            part = max(0.0, min(end, index + 1) - max(start, index)) / row.workers
            apps = found[index].apps
            apps[app] = apps.get(app, 0.0) + part
        found[first].begun.append((app, end - start))
        found[last].ended_badly += bar.bad
    return found
