"""Where workflows come from: a folder, a git repository, an archive."""

from __future__ import annotations

from towline.workflows.sources.archive import FromArchive
from towline.workflows.sources.git import FromGit
from towline.workflows.sources.path import FromPath
from towline.workflows.sources.read import read_source
from towline.workflows.sources.source import Source, Wanted

__all__ = ["FromArchive", "FromGit", "FromPath", "Source", "Wanted", "read_source"]
