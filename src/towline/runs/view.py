"""What a run looks like: its events folded into one picture, by a pure function.

The terminal and, later, the pages draw the same picture.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from towline.runs.events import Event
from towline.runs.state import TRANSITIONS, RunState

THIS_MACHINE = "this machine"
"""Stands among the clusters for what is done on the workspace; no cluster has such a name."""

LINK_DOWN = "link down"
CLEAN_UP = "clean-up"


@dataclass
class BlockView:
    """One block (batch job): its number, the scheduler's id for it, state and reason."""

    number: str
    job_id: str = ""
    state: str = "waiting"
    outcome: str = ""
    reason: str = ""
    nodes: str = ""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None


@dataclass
class ExecutorView:
    """One executor: its blocks, its workers, and the tasks that it still has to do."""

    label: str
    cluster: str
    blocks: dict[str, BlockView] = field(default_factory=dict)
    workers: int = 0
    had_workers: bool = False
    outstanding: int = 0
    done: int | None = None
    total: int | None = None


@dataclass
class Phase:
    """A step on the way to the first task; ``seconds`` once it is over."""

    name: str
    since: float
    seconds: float | None = None
    detail: str = ""


@dataclass
class ClusterView:
    """One cluster: its steps, of which several may be under way at once, and its link."""

    name: str
    link: str = ""
    prepared: float | None = None  # when its environment was ready
    phases: list[Phase] = field(default_factory=list)

    @property
    def doing(self) -> Phase | None:
        """The step under way that began first; None when the cluster is ready."""
        return next((phase for phase in self.phases if phase.seconds is None), None)

    def enter(self, name: str, moment: float, detail: str = "") -> None:
        """Begin a step, or go on with it under another detail."""
        phase = self._open(name)
        if phase is None:
            phase = Phase(name, moment)
            self.phases.append(phase)
        phase.detail = detail

    def leave(
        self, name: str, moment: float, seconds: float | None = None, detail: str = ""
    ) -> None:
        """End a step, with its own measure of the time where it has one."""
        if phase := self._open(name):
            phase.seconds = max(0.0, moment - phase.since) if seconds is None else float(seconds)
            phase.detail = detail

    def settle(self, moment: float) -> None:
        """End every step: nobody is at work on them any more."""
        for phase in self.phases:
            if phase.seconds is None:
                self.leave(phase.name, moment, detail=phase.detail)

    def _open(self, name: str) -> Phase | None:
        return next((p for p in self.phases if p.name == name and p.seconds is None), None)


@dataclass
class RunView:
    """One run as its events tell it; times in unix seconds as the clock then said."""

    number: int = 0
    tag: str = ""
    script: str = ""
    state: RunState = RunState.CREATED
    created: float = 0.0
    ended: float | None = None
    seconds: float | None = None
    done: int = 0
    failed: int = 0
    total: int = 0
    clusters: dict[str, ClusterView] = field(default_factory=dict)
    executors: dict[str, ExecutorView] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    reaping: bool = False  # somebody cleans up after the supervisor, which has vanished
    cleaning: str = ""  # the step of the clean-up under way
    script_over: bool = False
    reason: str = ""
    exit_code: int | None = None
    leftovers: list[dict[str, str]] | None = None  # None until somebody has looked

    @property
    def cluster_names(self) -> list[str]:
        """The clusters that it was on, sorted."""
        return sorted(name for name in self.clusters if name != THIS_MACHINE)


def fold(events: Iterable[Event], view: RunView | None = None) -> RunView:
    """Return the picture after some events; give the picture back to go on from there.

    Events that it does not know, and facts that are missing, change nothing: an older reader can
    look at a newer run. The order is the log's, not the clock's.
    """
    view = view or RunView()
    for event in events:
        if step := _STEPS.get(event.name):
            with contextlib.suppress(*_MALFORMED):
                step(view, event)
    return view


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def _enter(view: RunView, state: RunState) -> None:
    if state in TRANSITIONS[view.state]:
        view.state = state


def _created(view: RunView, event: Event) -> None:
    view.number = int(event.facts.get("number", 0))
    view.tag = str(event.facts.get("tag", ""))
    view.script = str(event.facts.get("script", ""))
    view.created = event.time


def _ended(view: RunView, event: Event) -> None:
    _enter(view, RunState(event.facts["state"]))
    view.ended = event.time
    view.seconds = event.facts.get("seconds")
    view.exit_code = event.facts.get("exit_code")
    view.reason = str(event.facts.get("reason", ""))
    view.leftovers = list(event.facts.get("leftovers") or [])
    view.cleaning = ""
    _settle(view, event)


def _cluster(view: RunView, event: Event) -> ClusterView | None:
    name = event.facts.get("cluster")
    if not name:
        return None
    return view.clusters.setdefault(str(name), ClusterView(str(name)))


def _executor(view: RunView, event: Event, label: str) -> ExecutorView:
    known = view.executors.setdefault(label, ExecutorView(label, ""))
    known.cluster = known.cluster or str(event.facts.get("cluster") or "")
    return known


def _connecting(view: RunView, event: Event) -> None:
    if cluster := _cluster(view, event):
        cluster.enter("connecting", event.time)


def _connected(view: RunView, event: Event) -> None:
    if cluster := _cluster(view, event):
        cluster.leave("connecting", event.time, event.facts.get("seconds"))


def _staging(view: RunView, event: Event) -> None:
    if cluster := _cluster(view, event):
        cluster.enter("files", event.time, str(event.facts.get("text", "")))


def _staged(view: RunView, event: Event) -> None:
    if cluster := _cluster(view, event):
        cluster.leave("files", event.time, event.facts.get("seconds"), str(event.facts["text"]))


def _environment(view: RunView, event: Event) -> None:
    cluster = _cluster(view, event)
    if cluster is None:
        return
    facts, state = event.facts, str(event.facts.get("state", ""))
    if state == "ready":
        cluster.enter("environment", event.time)
        cluster.prepared = event.time
        cached = facts.get("cached") or facts.get("pushed") is False
        how = "cached" if cached else ""
        cluster.leave("environment", event.time, facts.get("seconds"), how)
        return
    detail = state
    if facts.get("done") is not None and facts.get("total"):
        detail += f" {megabytes(facts['done'], facts['total'])}"
    cluster.enter("environment", event.time, detail)


def _preflight(view: RunView, event: Event) -> None:
    cluster = _cluster(view, event)
    if cluster is None:
        return
    # It is told when it is over; it began when the environment was ready.
    cluster.enter("pre-flight", cluster.prepared or event.time)
    how = "remembered" if event.facts.get("remembered") else ""
    cluster.leave("pre-flight", event.time, event.facts.get("seconds"), how)


def _link(view: RunView, event: Event) -> None:
    cluster = _cluster(view, event)
    if cluster is None:
        return
    cluster.link = str(event.facts.get("state", ""))
    if cluster.link == "starting":
        cluster.enter("link", event.time)
    elif cluster.link == "down":
        cluster.enter(LINK_DOWN, event.time, "reconnecting; tasks go on")
    elif cluster.link == "lost":
        cluster.enter(LINK_DOWN, event.time, "lost, starting anew")
    elif cluster.link in ("up", "resumed", "closed"):
        cluster.leave("link", event.time, event.facts.get("seconds"))
        cluster.leave(LINK_DOWN, event.time, event.facts.get("seconds"), cluster.link)


def _block(view: RunView, event: Event) -> None:
    facts = event.facts
    label, number = facts.get("executor"), facts.get("block")
    if label is None or number is None:
        return
    _cluster(view, event)
    blocks = _executor(view, event, str(label)).blocks
    block = blocks.setdefault(str(number), BlockView(str(number)))
    block.state = str(facts.get("state", block.state))
    for name in ("job_id", "outcome", "reason", "nodes"):
        if facts.get(name):
            setattr(block, name, str(facts[name]))
    if block.state in ("queued", "running"):
        block.submitted = block.submitted or event.time
    if block.state == "running":
        block.started = block.started or event.time
        block.reason = str(facts.get("reason") or "")
    if block.state == "ended":
        block.ended = event.time


def _progress(view: RunView, event: Event) -> None:
    facts = event.facts
    view.done = int(facts.get("done", view.done))
    view.failed = int(facts.get("failed", view.failed))
    view.total = int(facts.get("total", view.total))
    executors = facts.get("executors")
    for label, counts in executors.items() if isinstance(executors, dict) else ():
        executor = _executor(view, event, str(label))
        executor.cluster = executor.cluster or str(counts.get("cluster") or "")
        executor.outstanding = int(counts.get("outstanding") or 0)
        executor.workers = int(counts.get("workers") or 0)
        executor.had_workers = executor.had_workers or executor.workers > 0
        executor.done = counts.get("done", executor.done)
        executor.total = counts.get("total", executor.total)


def _warning(view: RunView, event: Event) -> None:
    where = event.facts.get("cluster")
    text = str(event.facts.get("text", ""))
    view.warnings.append(f"{where}: {text}" if where else text)


def _error(view: RunView, event: Event) -> None:
    view.error = event.facts


def _script_ended(view: RunView, event: Event) -> None:
    view.script_over = True
    _settle(view, event)
    view.cleaning = view.cleaning or "ending what the script has left"


def _cleanup(view: RunView, event: Event) -> None:
    where, facts = event.facts.get("cluster"), event.facts
    text = str(facts.get("text") or facts.get("step") or "")
    view.cleaning = f"{where}: {text}" if where else text
    if (cluster := _cluster(view, event)) and not view.script_over:
        cluster.enter(CLEAN_UP, event.time, text)


def _settle(view: RunView, event: Event) -> None:
    for cluster in view.clusters.values():
        cluster.settle(event.time)


def _reaping(view: RunView, _: Event) -> None:
    view.script_over = view.reaping = True
    view.cleaning = "after the supervisor, which has vanished"


def megabytes(done: float, total: float) -> str:
    """Return progress in bytes as people read it: ``12/30 MB``; small ones in kB."""
    unit, name = (1e6, "MB") if total >= 1e6 else (1e3, "kB")
    return f"{done / unit:.0f}/{total / unit:.0f} {name}"


_STEPS = {
    "created": _created,
    "starting": lambda view, _: _enter(view, RunState.STARTING),
    "running": lambda view, _: _enter(view, RunState.RUNNING),
    "cancelling": lambda view, _: _enter(view, RunState.CANCELLING),
    "script_ended": _script_ended,
    "ended": _ended,
    "cluster_connecting": _connecting,
    "cluster_connected": _connected,
    "staging": _staging,
    "staged": _staged,
    "environment": _environment,
    "preflight": _preflight,
    "link": _link,
    "block": _block,
    "progress": _progress,
    "warning": _warning,
    "error": _error,
    "cleanup": _cleanup,
    "reaping": _reaping,
}
