"""The index of runs: all of them in memory, the ended ones also in the database."""

from __future__ import annotations

from towline.server.index.changes import Change, ChangeHub
from towline.server.index.entry import IndexedRun, iso
from towline.server.index.file_watch import FileWatch, WatchedFile
from towline.server.index.index import RunIndex
from towline.server.index.query import RunFilter, SortRuns, select

__all__ = [
    "Change",
    "ChangeHub",
    "FileWatch",
    "IndexedRun",
    "RunFilter",
    "RunIndex",
    "SortRuns",
    "WatchedFile",
    "iso",
    "select",
]
