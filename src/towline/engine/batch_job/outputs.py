"""Bring what a job has written back from the cluster, whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from towline.engine.batch_job.patterns import chosen, unmatched
from towline.errors import CopyFailed
from towline.ssh import Connection, quote

LISTING_SECONDS = 300.0

_LIST = """\
cd @FOLDER@ || exit 1
[ ! -d outputs ] || { cd outputs && find . ! -type d && cd ..; } || exit 1
cd work && find . ! -type d @NOT_OLDER@
"""
_NOT_OLDER = (
    "-exec sh -c 'for f; do"
    ' if [ -h "$f" ]; then [ -n "$(find ../begun -prune -newer "$f")" ];'
    ' else [ ../begun -nt "$f" ]; fi || printf "%s\\\\n" "$f"; done\' sh {} +'
)
"""Than the start of the program; find's own ``-newer`` misses what is written in its first tick.

Of a link its own age counts, which only find sees.
"""
_MOVE = """\
cd @FOLDER@ || exit 1
mkdir -p outputs || exit 1
while IFS= read -r name; do
  [ -e "work/$name" ] || [ -h "work/$name" ] || continue
  case $name in */*) mkdir -p "outputs/${name%/*}" || exit 1 ;; esac
  mv "work/$name" "outputs/$name" || exit 1
done
"""


@dataclass(frozen=True)
class Brought:
    """What came back, and what did not.

    Attributes:
        files: paths below the working folder.
        bytes: of all of them, on the way.
        unmatched: patterns that named nothing.
        skipped: files that cannot be brought: links that lead out, devices, names with a newline.

    """

    files: tuple[str, ...]
    bytes: int
    unmatched: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def bring_outputs(
    connection: Connection, folder: str, patterns: Sequence[str], to: Path
) -> Brought:
    """Copy the files that match into the working folder of the workspace; may be called again.

    Args:
        folder: the run's on the cluster.
        patterns: of files; none: all that the job may have written.
        to: folder on the workspace; a file of the same name gives way.

    Raises:
        CopyFailed: they did not arrive whole; call again.
        ReachError: the cluster cannot be asked; call again.

    """
    paths = _listed(connection, list_script(folder, patterns))
    wanted = chosen(paths, patterns)
    missing = tuple(unmatched(wanted, patterns))
    if not wanted:
        return Brought((), 0, missing)
    names = "".join(f"{path}\n" for path in wanted).encode(errors="surrogateescape")
    move = _MOVE.replace("@FOLDER@", quote(folder))
    connection.run(move, input=names, timeout=LISTING_SECONDS, check=True)
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".outputs-", dir=to.parent) as room:
        arrived = Path(room) / "outputs"
        copied = connection.fetch_tree(f"{folder}/outputs", arrived)
        came = put_in_place(arrived, to)
    skipped = [name.removeprefix("./") for name in copied.skipped]
    # What has a newline in its name was listed as two that are not there.
    lost = sorted({*wanted} - {*came} - {*skipped})
    return Brought(came, copied.bytes, missing, (*skipped, *lost))


def list_script(folder: str, patterns: Sequence[str]) -> str:
    """Return a script that lists what may be brought, and what an earlier try has moved already."""
    which = "" if patterns else _NOT_OLDER
    return _LIST.replace("@FOLDER@", quote(folder)).replace("@NOT_OLDER@", which)


def _listed(connection: Connection, script: str) -> list[str]:
    """Return the paths that a script lists; their bytes, whatever they are, can be had back."""
    listing = bytearray()
    outcome = connection.stream(
        script, list, listing.extend, what="the list of outputs", timeout=LISTING_SECONDS
    )
    if outcome.exit_code:
        said = outcome.stderr.decode(errors="backslashreplace").strip()
        raise CopyFailed(
            connection.destination.thing, f"the outputs cannot be listed: {said}", "try again"
        )
    lines = listing.decode(errors="surrogateescape").split("\n")
    return sorted({line.removeprefix("./") for line in lines if line})


def put_in_place(arrived: Path, to: Path) -> tuple[str, ...]:
    """Move every file into the working folder; return their paths there."""
    came = []
    for path in sorted(arrived.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(arrived)
        target = to / name
        _make_room(to, name)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        path.replace(target)
        came.append(str(name))
    return tuple(came)


def _make_room(to: Path, name: Path) -> None:
    """Make the folders that a file lies in; whatever else has the name of one gives way.

    A link does, too: it may lead out of the working folder.
    """
    for parent in reversed([to / above for above in name.parents if above.name]):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            parent.unlink()
        parent.mkdir(exist_ok=True)
