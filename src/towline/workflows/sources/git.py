"""A workflow from a git repository, pinned to a commit.

git itself runs, with the user's own credentials, hooks and submodules off, and by its own
transports only: ``ext::`` and the like run programs, and a URL from elsewhere may name no file
of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from towline.errors import DefinitionError
from towline.workflows.sources.source import Progress, Source
from towline.workflows.sources.tree import Limits, copy_tree

SECONDS = 600.0
"""How long a fetch may take."""

_REMOTE = ("https", "http", "ssh", "git")
_SCP = re.compile(r"(?:[A-Za-z0-9_.+-]+@)?[A-Za-z0-9_.][A-Za-z0-9_.-]*:(?!/?/)[^:\s][^\s]*")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_POLL_SECONDS = 0.25


def looks_like_git(text: str) -> bool:
    """Return whether a word is a git URL rather than a path."""
    return "://" in text or "::" in text or bool(_SCP.fullmatch(text))


@dataclass(frozen=True)
class FromGit:
    """A repository and what of it: ``ref`` (empty: the default branch), ``folder`` in it.

    ``local``: repositories on this machine's disk are allowed (``file://``); never for a URL that
    came over the network.
    """

    url: str
    ref: str = ""
    folder: str = ""
    local: bool = False
    seconds: float = SECONDS
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        _check_url(self.url, local=self.local)
        if self.ref and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,254}", self.ref):
            raise DefinitionError(f"ref {self.ref!r}", "is no branch, tag or commit")
        path = PurePosixPath(self.folder)
        if path.is_absolute() or ".." in path.parts or "\0" in self.folder:
            raise DefinitionError(f"folder {self.folder!r}", "must be a path in the repository")

    def suggested_name(self) -> str:
        """Return the last part of folder or URL, without ``.git``."""
        last = re.split(r"[/:]", (self.folder or self.url).rstrip("/"))[-1]
        return last.removesuffix(".git")

    def fetch(self, into: Path, progress: Progress) -> Source:
        """Fetch one commit, without its history, and copy its files."""
        with tempfile.TemporaryDirectory(prefix="towline-git-", dir=into.parent) as name:
            repository = Path(name)
            git = _Git(repository, self.url, self.local, self.seconds, self.limits, progress)
            git.run("init", "--quiet", "--template=", ".")
            git.run(
                "fetch", "--progress", "--depth=1", "--no-tags", "--no-recurse-submodules",
                "--no-write-commit-graph", "--", self.url, self.ref or "HEAD",
            )  # fmt: skip
            commit = git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
            if not _COMMIT.fullmatch(commit):
                raise DefinitionError(self.url, f"git named no commit: {commit!r}")
            git.run("checkout", "--quiet", "--detach", "--force", commit)
            shutil.rmtree(repository / ".git")
            top = repository.resolve()
            chosen = (top / self.folder).resolve()
            if not chosen.is_relative_to(top) or not chosen.is_dir():
                raise DefinitionError(self.url, f"has no folder '{self.folder}' at {commit[:12]}")
            _say_where(self, chosen)
            try:
                copy_tree(chosen, into, self.url, self.limits)
            except OSError as error:
                raise DefinitionError(self.url, f"cannot be copied: {error.strerror}") from error
        return Source("git", self.url, self.ref, commit, self.folder)


def _check_url(url: str, *, local: bool) -> None:
    if not url or url.startswith("-") or re.search(r"[\s\0]", url) or "::" in url:
        raise DefinitionError(f"git URL {url!r}", "is none that may be used", _EXAMPLE)
    if "://" not in url:
        if not _SCP.fullmatch(url):
            raise DefinitionError(f"git URL {url!r}", "is none that may be used", _EXAMPLE)
        return
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password
    except ValueError as error:
        raise DefinitionError(f"git URL {url!r}", f"is none: {error}", _EXAMPLE) from error
    if parts.scheme == "file" and local and not host:
        return
    if parts.scheme not in _REMOTE:
        known = ", ".join(_REMOTE)
        raise DefinitionError(
            f"git URL {url!r}", f"'{parts.scheme}' is not allowed (allowed: {known})", _EXAMPLE
        )
    if password is not None:
        bare = f"{parts.scheme}://…@{host}{parts.path}"
        raise DefinitionError(
            f"git URL {bare}",
            "holds a password, which would end up in records and process lists",
            "leave it out, and keep it in git's credential helper",
        )
    if not re.fullmatch(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*", host) or not parts.path.strip("/"):
        raise DefinitionError(f"git URL {url!r}", "names no host and repository", _EXAMPLE)
    if parts.username is not None and not re.fullmatch(r"[\w.+][\w.+-]*", parts.username):
        raise DefinitionError(f"git URL {url!r}", "has a user name that may not be", _EXAMPLE)


_EXAMPLE = "e.g. https://github.com/you/workflows.git"


def _say_where(wanted: FromGit, chosen: Path) -> None:
    if (chosen / "workflow.yaml").is_file():
        return
    below = sorted(
        str(path.parent.relative_to(chosen)) for path in chosen.glob("*/workflow.yaml")
    ) + sorted(str(path.parent.relative_to(chosen)) for path in chosen.glob("*/*/workflow.yaml"))
    if below:
        raise DefinitionError(
            wanted.url, f"has workflows in {', '.join(below[:10])}", f"add --folder {below[0]}"
        )


@dataclass
class _Git:
    """git in one repository, with a deadline for all of its commands together."""

    repository: Path
    url: str
    local: bool
    seconds: float
    limits: Limits
    progress: Progress

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds

    def run(self, *words: str) -> str:
        """Run a command and return its output.

        Raises:
            DefinitionError: it failed, took too long, or fetched too much.

        """
        safe = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
                "-c", "protocol.ext.allow=never", "-c", "submodule.recurse=false",
                "-c", "gc.auto=0", "-c", "advice.detachedHead=false"]  # fmt: skip
        try:
            process = subprocess.Popen(
                ["git", *safe, *words],
                cwd=self.repository,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(self.local),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise DefinitionError("git", "is not installed here", "install git") from error
        said = _Said(process.stderr, lambda line: self.progress(f"{self.url}: {line}"))
        heard = _Said(process.stdout, lambda line: None)
        try:
            self._wait(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # git's helpers (ssh, remote-https) too
                process.wait()
            said.join()
            heard.join()
        if process.returncode:
            raise DefinitionError(self.url, f"git {words[0]}: {_reason(said.lines)}", _advice(said))
        return "\n".join(heard.lines)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            try:
                process.wait(_POLL_SECONDS)
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() > self._deadline:
                    raise DefinitionError(
                        self.url, f"did not arrive within {self.seconds:.0f} s"
                    ) from None
                self.limits.check(self.url, 0, _size(self.repository))


class _Said:
    """Reads one of git's outputs to its end, keeping the last lines."""

    def __init__(self, stream: IO[bytes] | None, note: Progress) -> None:
        self.lines: list[str] = []
        self._stream, self._note = stream, note
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _read(self) -> None:
        if self._stream is None:
            return
        with self._stream:
            rest = b""
            while block := self._stream.read1(4096):  # type: ignore[attr-defined]
                *lines, rest = re.split(rb"[\r\n]+", rest[-4096:] + block)
                self._take(lines)
            self._take([rest])

    def _take(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").strip():
                self.lines = [*self.lines[-50:], text]
                self._note(text)


def _environment(local: bool) -> dict[str, str]:
    """Return the user's own environment: keys and helpers work, and no question is asked."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for key in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL"):
        if key in os.environ:
            kept[key] = os.environ[key]
    allowed = [*_REMOTE, "file"] if local else list(_REMOTE)
    return {
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": ":".join(allowed),
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "30",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(where) / name).lstat().st_size
            except OSError:  # git renames its temporary files
                continue
    return total


def _reason(lines: Sequence[str]) -> str:
    for line in lines:
        if line.startswith(("fatal:", "error:")):
            return line.partition(":")[2].strip()
    return lines[-1] if lines else "no reason given"


def _advice(said: _Said) -> str:
    text = "\n".join(said.lines)
    if "could not read Username" in text or "Authentication failed" in text:
        return "log in to it with git first: git ls-remote URL must work without a question"
    return ""
