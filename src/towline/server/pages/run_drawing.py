"""A run's page, drawn: pure functions of the run's picture, and what keeps that picture current."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from towline.runs import RunFolder
from towline.runs.folder import Asked
from towline.runs.render import executor_words
from towline.runs.tasks import TaskTry, timeline, timeline_svg
from towline.runs.tasks.table import summarise
from towline.runs.tasks.words import counts, overview
from towline.runs.view import RunView, fold
from towline.server.index import IndexedRun
from towline.server.pages.fragments import Fragment, Fragments
from towline.server.pages.rendering import partial
from towline.server.safe_files import FoundFile

ROWS = 60
MOST_FILES = 200
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_TITLE = re.compile(r'<text [^>]*class="title">.*?</text>')


@dataclass
class Picture:
    """One run as its events tell it; reads on from where it was."""

    folder: RunFolder
    view: RunView = field(default_factory=RunView)
    read_to: int = 0

    def read_on(self) -> None:
        """Take in the events written since; blocking."""
        events = list(self.folder.events.read(self.read_to))
        if events:
            fold(events, self.view)
            self.read_to = events[-1].end


@dataclass(frozen=True)
class Rights:
    """What the reader may do with the run."""

    stop: bool
    delete: bool
    again: bool


def draw(
    run: IndexedRun,
    asked: Asked,
    picture: Picture,
    tries: list[TaskTry],
    sizes: dict[str, int],
    files: list[FoundFile],
    rights: Rights,
) -> Fragments:
    """Return the live parts of a run's page; blocking, as the timeline of many tasks takes time."""
    view, now = picture.view, time.time()
    executors = [(each, *executor_words(each, now)) for each in view.executors.values()]
    parts = "runs/page_parts.html"
    drawn: dict[str, tuple[str, tuple[Any, ...]]] = {
        "run-head": ("head", (run, view, rights)),
        "run-notes": ("notes", (run, view)),
        "run-steps": ("steps", (run, view, executors)),
        "run-tasks": (
            "tasks",
            (run, summarise(tries), counts(tries) if tries else "", overview(tries)),
        ),
        "run-timeline": ("timeline", (_timeline(run, view, tries, now),)),
        "log-size": ("log_size", (sizes, run.final)),
        **{f"log-size-{name}": ("log_bytes", (name, size)) for name, size in sizes.items()},
        "run-details": ("details", (run, asked)),
        "run-files": ("files", (run, files[:MOST_FILES], max(0, len(files) - MOST_FILES))),
    }
    return {name: Fragment(partial(parts, macro, *given)) for name, (macro, given) in drawn.items()}


def draw_deleted(number: int) -> Fragments:
    """Return what changes on the page of a run that was deleted meanwhile: nothing can be done."""
    return {"run-head": Fragment(partial("runs/page_parts.html", "deleted", number))}


def _timeline(run: IndexedRun, view: RunView, tries: list[TaskTry], now: float) -> str:
    """Return the picture without its own styles, which the page's policy does not let in."""
    if not tries and not any(each.blocks for each in view.executors.values()):
        return ""
    end = now if not run.final else (view.ended or now)
    svg = timeline_svg(timeline(tries, view, end, most=ROWS), f"Run {run.number}", now)
    return _TITLE.sub("", _STYLE.sub("", svg), count=1)
