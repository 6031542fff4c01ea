"""Bring a layer to a cluster: streamed, unpacked beside, tried out, switched in by one rename."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from towline.environments.archive import Archive
from towline.environments.cluster_side import Connection, Report, marked, program
from towline.environments.plan import Layer
from towline.environments.stream import Streamed, stream
from towline.errors import (
    ConnectionDropped,
    CopyFailed,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
    NoSpace,
    TowlineError,
)

SILENCE_SECONDS = 120
"""Without a byte for this long, each side gives a push up."""

BLOCK_KB = 4
"""What the smallest file takes on a disk, in KiB."""

_SSH_ITSELF_FAILED = 255


@dataclass(frozen=True)
class Pushed:
    """The answer to a push."""

    installed: bool
    """False: it was there already, or another push was faster."""
    probe_answer: str
    """What the new Python said of itself, as JSON; empty when it was not asked."""


@dataclass(frozen=True)
class Cargo:
    """Bytes that fill a folder on the cluster, and how they are taken in there."""

    name: str
    """Of the folder."""
    path: Path
    need_kb: int
    """What it takes there, in KiB."""
    files: int
    take: str
    """sh text that puts them into the new folder; see ``push.sh``."""
    finish: str = ""
    """sh text run in the new folder; fails when it is of no use."""
    keep: str = ":"
    """sh text run there when they did not arrive whole."""
    offset: int = 0
    """Bytes that are there already."""
    advice: str = ""
    """What to do when `finish` fails; empty: to send the workspace's interpreter along."""
    patience: int = 0
    """Seconds for which `take` and `finish` may work without a word."""


def push(
    layer: Layer,
    archive: Archive,
    connection: Connection,
    root: str,
    cluster: str,
    report: Report,
    variables: Mapping[str, str] | None = None,
) -> Pushed:
    """Bring a layer's archive to the cluster and switch it in, whole or not at all.

    Of pushes that race, one wins and the others end without a trace and without an error.

    Args:
        layer: what it is.
        archive: built from it.
        connection: the way to the controller.
        root: folder of environments there.
        cluster: its name, for messages.
        report: takes the progress.
        variables: environment variables for the layer's `finish`; they travel on stdin, so that
            no other user there sees their values.

    Raises:
        NoSpace: disk, quota or inodes are full there; says what it takes and what is free.
        ConnectionDropped: the connection broke; nothing was switched in.
        CopyFailed: the archive did not arrive whole; nothing was switched in.
        EnvironmentMismatch: the interpreter there is of another minor version.
        EnvironmentBuildFailed: the new folder is of no use there, or cannot be written.

    """
    cargo = Cargo(
        name=layer.name,
        path=archive.path,
        need_kb=archive.unpacked_bytes // 1024 + archive.files * BLOCK_KB,
        files=archive.files,
        take=program("take_archive"),
        finish=layer.finish,
        advice=layer.advice,
        patience=layer.patience,
    )
    return push_cargo(cargo, connection, root, cluster, report, variables)


def push_cargo(
    cargo: Cargo,
    connection: Connection,
    root: str,
    cluster: str,
    report: Report,
    variables: Mapping[str, str] | None = None,
) -> Pushed:
    """Bring bytes to the cluster and switch in the folder that they fill; as `push`."""
    exports = (f"export {name}={shlex.quote(v)}\n" for name, v in (variables or {}).items())
    text = "".join(exports) + program(
        "push",
        root=root,
        name=cargo.name,
        need_kb=str(cargo.need_kb),
        need_files=str(cargo.files),
        silence=str(SILENCE_SECONDS),
        take=cargo.take,
        keep=cargo.keep,
        finish=cargo.finish or ":",
        patience=str(cargo.patience),
    )
    head = text.encode()
    # One line that every login shell reads alike, csh and fish included; it takes the program from
    # stdin byte by byte, so that what follows is left for the taker.
    command = f"exec sh -c 'eval \"$(dd bs=1 count={len(head)} 2>/dev/null)\"'"
    answered = stream(
        connection.argv(command),
        head,
        cargo.path,
        thing=f"cluster {cluster}",
        silence=SILENCE_SECONDS,
        progress=_Progress(cargo, report),
        offset=cargo.offset,
        heard=_Waiting(cargo.name, report),
    )
    answer = marked(answered.stdout)
    for note in answer.get("note", []):
        report("note", text=note)
    if "installed" in answer or "already" in answer:
        return Pushed("installed" in answer, "".join(answer["python"][:1]))
    raise _why(answer, answered, cargo, root, cluster)


class _Progress:
    """Reports bytes done, a few times a second at most."""

    def __init__(self, cargo: Cargo, report: Report) -> None:
        self.key, self.report = cargo.name, report
        self.offset, self.total = cargo.offset, cargo.path.stat().st_size
        self._next = 0.0

    def __call__(self, sent: int) -> None:
        done = self.offset + sent
        now = time.monotonic()
        if now >= self._next or done >= self.total:
            self._next = now + 0.25
            self.report("environment", state="pushing", key=self.key, done=done, total=self.total)


class _Waiting:
    """Says, once for each, who is making the same thing on the cluster while we wait."""

    def __init__(self, key: str, report: Report) -> None:
        self.key, self.report = key, report
        self._rest = b""
        self._told: set[str] = set()

    def __call__(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for who in marked(b"\n".join(lines))["waiting"]:
            if who not in self._told:
                self._told.add(who)
                host, _, process = who.partition(" ")
                text = f"{self.key} is being made on {host} (process {process}); waiting for it"
                self.report("note", text=text)


def _why(
    answer: dict[str, list[str]],
    answered: Streamed,
    cargo: Cargo,
    root: str,
    cluster: str,
) -> TowlineError:
    thing = f"cluster {cluster}"
    reason, _, detail = "".join(answer.get("refused", [])[:1]).partition(" ")
    said = " / ".join(answer.get("said", [])).strip()
    lower = f"{detail} {''.join(answer.get('why', []))} {said}".lower()
    free_it = f"free some space there, or set another root; towline env gc {cluster} may help"
    if reason in ("space", "files") or "no space left" in lower or "quota" in lower:
        takes = f"{cargo.need_kb // 1024 + 1} MiB in {cargo.files} files"
        left = {"space": f"{_mib(detail)} MiB free", "files": f"{detail} inodes free"}
        has = left.get(reason, f"full ({detail.strip()})")
        return NoSpace(thing, f"the environment takes {takes}, but {root} has {has}", free_it)
    if reason == "mkdir":
        cause = f"{root} cannot be written: {detail}"
        return EnvironmentBuildFailed(thing, cause, "set a root that you may write to")
    if reason == "tar":
        return CopyFailed(thing, f"the environment did not arrive whole: {detail}", "try again")
    if reason == "finish" and "why" in answer:
        return EnvironmentBuildFailed(thing, answer["why"][0], "".join(answer["do"][:1]))
    if reason == "finish" and "found" in answer:
        cause = f"the Python there turned out to be {answer['found'][0]}, not what its facts say"
        return EnvironmentMismatch(thing, cause, f"towline cluster check {cluster}")
    if reason == "finish" and cargo.advice:
        cause = f"the packages cannot be installed there: {said or 'exit code ' + detail}"
        return EnvironmentBuildFailed(thing, cause, cargo.advice)
    if reason == "finish":
        cause = f"the environment does not work there: {said or 'exit code ' + detail}"
        return EnvironmentBuildFailed(
            thing, cause, "set python: workspace to send the workspace's interpreter along"
        )
    words = answered.stderr.decode(errors="replace").strip().splitlines()
    last = words[-1] if words else f"exit code {answered.exit_code}"
    if answered.exit_code == _SSH_ITSELF_FAILED:
        return ConnectionDropped(thing, f"the connection broke during a push: {last}", "try again")
    return CopyFailed(thing, f"the push ended without an answer: {last}", "try again")


def _mib(kib: str) -> str:
    return str(int(kib) // 1024) if kib.isdigit() else "?"
