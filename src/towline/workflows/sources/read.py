"""Read what a person types as the place of a workflow."""

from __future__ import annotations

from pathlib import Path

from towline.errors import DefinitionError
from towline.workflows.sources.archive import ENDINGS, FromArchive
from towline.workflows.sources.git import FromGit, looks_like_git
from towline.workflows.sources.path import FromPath
from towline.workflows.sources.source import Source, Wanted


def read_source(text: str, *, ref: str = "", folder: str = "") -> Wanted:
    """Return the source that a word of a command line means.

    Args:
        text: a folder, an archive's file, or a git URL (``https://…``, ``git@host:…``).
        ref: of git: branch, tag or commit.
        folder: of git: the folder in the repository that holds the workflow.

    Raises:
        DefinitionError: it is none of them, or ``ref`` comes with another than git.

    """
    path = Path(text).expanduser()
    if path.is_file() and path.name.lower().endswith(ENDINGS):
        _only_git(text, ref, folder)
        return FromArchive(path)
    if looks_like_git(text) and not path.exists():
        return FromGit(text, ref, folder, local=True)
    if ref or folder:  # a repository on this disk
        return FromGit(path.absolute().as_uri(), ref, folder, local=True)
    return FromPath(path)


def same_again(source: Source, *, local: bool = True) -> Wanted:
    """Return the place that a version was taken from, to be looked at again.

    Raises:
        DefinitionError: it was an archive, which is not there any more.

    """
    if source.kind == "git":
        return FromGit(source.where, source.ref, source.folder, local=local)
    if source.kind == "path":
        return FromPath(Path(source.where))
    raise DefinitionError(
        source.where,
        "was an archive, which cannot be fetched again",
        "towline workflow update NAME NEW-ARCHIVE",
    )


def _only_git(text: str, ref: str, folder: str) -> None:
    if ref or folder:
        raise DefinitionError(text, "is no git repository: it has no --ref and no --folder")
