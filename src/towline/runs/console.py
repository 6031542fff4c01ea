"""Say on stderr what a script or notebook without ``towline run`` is waiting for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def sentence(event: str, facts: dict[str, Any]) -> str | None:
    """Return an event in a few words for people; None for one that says nothing new to them."""
    state = facts.get("state", "")
    match event:
        case "cluster_connecting":
            return "connecting"
        case "environment" if state in ("building", "pushing") and not facts.get("done"):
            return f"environment: {state}"
        case "environment" if state == "ready":
            return "environment: cached" if facts.get("cached") else "environment: ready"
        case "block" if state in ("queued", "running", "ended"):
            job = f" (job {facts['job_id']})" if facts.get("job_id") else ""
            reason = f": {facts['reason']}" if facts.get("reason") else ""
            return f"block {facts.get('executor')}/{facts.get('block')} {state}{job}{reason}"
        case "link" if state in ("down", "resumed", "lost"):
            return f"link {state}" + (f": {facts['reason']}" if facts.get("reason") else "")
        case "warning" | "note" | "recovered":
            return str(facts.get("text"))
    return None


class Console:
    """Passes events on and prints those that a waiting person wants to read."""

    def __init__(self, report: Callable[..., Any]) -> None:
        self._report = report

    def __call__(self, event: str, /, **facts: Any) -> None:
        """Record the event; print it as one line when it has something to say."""
        self._report(event, **facts)
        text = sentence(event, facts)
        if text:
            cluster = facts.get("cluster")
            print(f"towline: {cluster + ': ' if cluster else ''}{text}", file=sys.stderr)
