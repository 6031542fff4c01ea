"""Events as single lines, for a pipe or a log where nothing can be redrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.runs.events import Event
from towline.runs.render import duration, tasks
from towline.runs.view import RunView, megabytes

PROGRESS_SECONDS = 10.0  # between two lines on progress

WORTH_TELLING = 1_000_000  # bytes to push


class Announcer:
    """Turn events into lines worth reading once; keeps only what avoids repetition."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._environments: set[tuple[str, str]] = set()
        self._progress_at: float | None = None

    def line(self, event: Event, view: RunView) -> str | None:
        """Return the line for an event, given the picture after it; None for no line."""
        facts = event.facts
        text = self._text(event, view)
        if text is None:
            return None
        about = str(facts.get("executor") or facts.get("cluster") or "")
        if event.name == "block":
            about += f" block {facts.get('block')}"
        key = f"{event.name} {about}"
        if event.name == "environment":
            # It has several layers, each built and pushed in its turn.
            if (about, text) in self._environments:
                return None
            self._environments.add((about, text))
        if event.name not in ("warning", "error") and self._said.get(key) == text:
            return None
        self._said[key] = text
        where = facts.get("cluster")
        if executor := facts.get("executor"):
            where = f"{executor} on {where}" if where else str(executor)
        return f"{where}: {text}" if where else text

    def _text(self, event: Event, view: RunView) -> str | None:
        facts = event.facts
        if event.name == "running":
            return f"run {view.number} started: {view.script}"
        if event.name == "progress":
            return self._progress(event, view)
        words = _WORDS.get(event.name)
        return words(facts) if words else None

    def _progress(self, event: Event, view: RunView) -> str | None:
        if not view.total:
            return None
        over = view.done + view.failed >= view.total
        last = self._progress_at
        if last is not None and not over and 0 <= event.time - last < PROGRESS_SECONDS:
            return None
        self._progress_at = event.time
        return tasks(view.done, view.failed, view.total)


def _environment(facts: dict[str, Any]) -> str | None:
    state = facts.get("state")
    if state == "ready":
        cached = facts.get("cached") or facts.get("pushed") is False
        seconds = facts.get("seconds")
        details = ["cached"] if cached else []
        details += [duration(seconds)] if seconds is not None else []
        return f"environment ready ({', '.join(details)})" if details else "environment ready"
    if state == "pushing" and (facts.get("total") or 0) >= WORTH_TELLING:
        return f"environment: pushing {megabytes(0, facts['total'])[2:]}"
    if state == "downloading":
        return f"environment: downloading {megabytes(0, facts['total'])[2:]}"
    if state == "solving":
        return f"environment: solving {facts.get('file', '')}".rstrip()
    if state == "refused":
        return f"environment: {facts.get('place')} was refused, the lock does not name it"
    return "environment: building" if state == "building" else None


def _link(facts: dict[str, Any]) -> str | None:
    return {
        "up": "link up",
        "down": "link down, reconnecting; tasks go on",
        "resumed": "link resumed, nothing was lost",
        "lost": "link lost, starting anew",
    }.get(str(facts.get("state")))


def _block(facts: dict[str, Any]) -> str | None:
    state = facts.get("state")
    if state not in ("queued", "running", "ended"):
        return None
    job = f", job {facts['job_id']}" if facts.get("job_id") else ""
    nodes = f" on {facts['nodes']}" if state == "running" and facts.get("nodes") else ""
    outcome = f" ({facts['outcome']})" if facts.get("outcome") else ""
    told = str(facts.get("reason") or "")
    reason = f": {told}" if told and told.lower() != facts.get("outcome") else ""
    return f"block {facts.get('block')} {state}{outcome}{nodes}{job}{reason}"


def _error(facts: dict[str, Any]) -> str | None:
    if "at" in facts:  # it has ended the script, which has printed it
        return None
    after = f"; next: {facts['next']}" if facts.get("next") else ""
    return f"error: {facts.get('thing')}: {facts.get('cause')}{after}"


def _connected(facts: dict[str, Any]) -> str:
    seconds = facts.get("seconds")
    return f"connected ({duration(seconds)})" if seconds is not None else "connected"


_WORDS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "cluster_connecting": lambda _: "connecting",
    "cluster_connected": _connected,
    "staging": lambda facts: str(facts.get("text", "")),
    "staged": lambda facts: str(facts.get("text", "")),
    "environment": _environment,
    "link": _link,
    "block": _block,
    "warning": lambda facts: f"warning: {facts.get('text', '')}",
    "error": _error,
    "cancelling": lambda _: "cancelling: the script is asked to end",
    "cleanup": lambda facts: f"clean-up: {facts.get('text') or facts.get('step', '')}",
    "reaping": lambda _: "the run's supervisor has vanished; cleaning up after it",
}
