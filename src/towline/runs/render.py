"""The picture of a run as lines of text: pure, for a terminal and for a pipe alike."""

from __future__ import annotations

import time
from pathlib import Path

from towline.runs.state import RunState
from towline.runs.view import CLEAN_UP, LINK_DOWN, BlockView, ClusterView, ExecutorView, RunView

Line = list[tuple[str, str]]
"""Pieces of text, each with its style: ``bold``, ``dim``, a colour, or nothing."""

STATE_STYLES = {
    RunState.SUCCEEDED: "green",
    RunState.FAILED: "red",
    RunState.CANCELLED: "yellow",
    RunState.CANCELLING: "yellow",
    RunState.LOST: "red",
}


def plain(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line)


def duration(seconds: float) -> str:
    """Return a span of time as people read it: ``3.1 s``, ``42 s``, ``3:07``, ``2:03:14``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock(moment: float, now: float) -> str:
    """Return a moment in local time: the hour for today, the day as well for another day."""
    then, today = time.localtime(moment), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%b %d %H:%M" if then[0] == today[0] else "%Y-%m-%d", then)


def tasks(done: int, failed: int, total: int) -> str:
    """Return a count of tasks: ``12/30 tasks (1 failed)``."""
    words = f"{done}/{total} tasks" if total != 1 else f"{done}/1 task"
    return f"{words} ({failed} failed)" if failed else words


def status_lines(view: RunView, now: float) -> list[Line]:
    """Return what goes on in a run: a line on the run, then one for each cluster or executor."""
    head: Line = [(f"run {view.number}", "bold"), ("  ", "")]
    head.append((view.state.value, STATE_STYLES.get(view.state, "cyan")))
    head.append((f"  {duration(now - view.created)}", "dim"))
    if view.total:
        head.append((f"  {tasks(view.done, view.failed, view.total)}", ""))
    if view.script_over or view.state is RunState.CANCELLING:
        doing = view.cleaning or "waiting for the script"
        return [head, [("  cleaning up  ", ""), (doing, "dim")]]
    busy = {executor.cluster for executor in view.executors.values()}
    rows = [
        _cluster_row(cluster, now)
        for cluster in view.clusters.values()
        if cluster.doing or cluster.name not in busy
    ]
    rows += [
        _executor_row(executor, now)
        for executor in view.executors.values()
        if not _preparing(view, executor)
    ]
    width = max((len(name) for name, _, _ in rows), default=0)
    return [head] + [[(f"  {name:<{width}}  ", ""), (what, style)] for name, what, style in rows]


def _preparing(view: RunView, executor: ExecutorView) -> bool:
    """Say whether the cluster's own line says more than the executor's would."""
    cluster = view.clusters.get(executor.cluster)
    if cluster is None or cluster.doing is None:
        return False
    return cluster.doing.name == CLEAN_UP or not (executor.blocks or executor.workers)


def _cluster_row(cluster: ClusterView, now: float) -> tuple[str, str, str]:
    phase = cluster.doing
    if phase is None:
        return cluster.name, "ready", "dim"
    detail = f": {phase.detail}" if phase.detail else ""
    trouble = phase.name == LINK_DOWN
    what = f"{phase.name}{detail}  {duration(now - phase.since)}"
    return cluster.name, what, "yellow" if trouble else "cyan"


def _executor_row(executor: ExecutorView, now: float) -> tuple[str, str, str]:
    where = f" on {executor.cluster}" if executor.cluster else ""
    what, style = executor_words(executor, now)
    return f"{executor.label}{where}", what, style


def executor_words(executor: ExecutorView, now: float) -> tuple[str, str]:
    """Return what an executor is doing, and the style of it."""
    blocks = list(executor.blocks.values())
    running = [block for block in blocks if block.state == "running"]
    waiting = [block for block in blocks if block.state not in ("running", "ended")]
    if running or executor.workers:
        return _running_words(executor, running), "green"
    if waiting:
        return _waiting_words(waiting[0], now), "cyan"
    if executor.outstanding and blocks:
        return f"no block; the last one: {block_words(blocks[-1])}", "yellow"
    if executor.outstanding:
        return f"{_count(executor.outstanding, 'task')} for which there is no block yet", "cyan"
    return "idle", "dim"


def _running_words(executor: ExecutorView, running: list[BlockView]) -> str:
    words = "running"
    if executor.total:
        words += f"  {tasks(executor.done or 0, 0, executor.total)}"
    elif executor.outstanding:
        words += f"  {_count(executor.outstanding, 'task')} to do"
    if executor.workers:
        words += f", {_count(executor.workers, 'worker')}"
    elif not executor.had_workers:
        words += ", starting workers"
    return words + "".join(f"  {_job(block)}" for block in running[:1])


def _waiting_words(block: BlockView, now: float) -> str:
    state = _WAITING.get(block.state, block.state)
    reason = f"({block.reason})" if block.reason else ""
    words = " ".join(word for word in (_job(block), reason) if word)
    since = duration(now - block.submitted) if block.submitted else ""
    return "  ".join(word for word in (state, words, since) if word)


_WAITING = {
    "waiting": "waiting to be submitted",
    "submitting": "being submitted",
    "unanswered": "submitted, not answered yet",
}


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def block_words(block: BlockView) -> str:
    """Return how a block stands: ``running``, ``failed: Unknown partition``."""
    words = block.outcome or block.state
    told = not block.reason or block.reason.lower() == words
    return words if told else f"{words}: {block.reason}"


def _job(block: BlockView) -> str:
    return f"job {block.job_id}" if block.job_id else ""


def leftover_words(view: RunView) -> list[str]:
    """Return the proof of the end: ``none``, or a line for each thing that remains."""
    if view.leftovers is None:
        return ["not looked for yet"]
    if not view.leftovers:
        return ["none"]
    return [
        f"{item.get('kind')} {item.get('what')} on {item.get('cluster')}"
        + (f" ({item['detail']})" if item.get("detail") else "")
        for item in view.leftovers
    ]


def summary_lines(view: RunView, folder: Path) -> list[Line]:
    """Return the last words on a run: result, time, tasks, leftovers, where to look."""
    head: Line = [
        (f"run {view.number} ", "bold"),
        (view.state.value, STATE_STYLES.get(view.state, "")),
        (f" in {duration(view.seconds or 0)}", ""),
    ]
    if view.total:
        head.append((f", {tasks(view.done, view.failed, view.total)}", ""))
    if not view.leftovers:
        head += [(", leftovers: ", ""), *[(words, "green") for words in leftover_words(view)]]
    lines = [head]
    succeeded = view.state is RunState.SUCCEEDED and view.exit_code == 0
    if not succeeded and view.reason:
        lines.append([("  because    ", "dim"), (view.reason, "")])
    if view.leftovers:
        for words in leftover_words(view):
            lines.append([("  leftover   ", "dim"), (words, "yellow")])
        lines.append([("  next       ", "dim"), _command("leftovers", view.number, " --remove")])
    if not succeeded:
        lines.append([("  look       ", "dim"), _command("show", view.number)])
    lines.append([("  folder     ", "dim"), (short_path(folder), "")])
    return lines


def _command(verb: str, number: int, more: str = "") -> tuple[str, str]:
    return f"towline run {verb} {number}{more}", "bold"


def short_path(path: Path) -> str:
    """Return a path with the home folder as ``~``."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
