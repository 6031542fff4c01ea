"""What one use of the step has begun, on disk: a use that was killed is taken up, not repeated."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from towline.client.core.started import Started

_GITHUB = (
    *("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    *("GITHUB_JOB", "GITHUB_ACTION", "TOWLINE_CI_JOB_INDEX"),
)
_JOBS = (_GITHUB, ("CI_SERVER_URL", "CI_JOB_ID"), ("JENKINS_URL", "BUILD_TAG"))
"""Variables that name one attempt of one job: GitHub, GitLab, Jenkins. The last two must be set."""


def job_of(environment: Mapping[str, str]) -> str | None:
    """Return what names this attempt of this job; None: this is no CI system that we know."""
    for names in _JOBS:
        needed = "GITHUB_RUN_ID" if names is _GITHUB else names[-1]
        if environment.get(needed):
            return "\n".join(f"{name}={environment.get(name, '')}" for name in names)
    return None


@dataclass
class Usage:
    """One use of the step.

    Args:
        path: of the file; None: nothing is kept.
        use: how many uses of this job came before.
        finished: everything that it began is put back.
        launching: idempotency key of the launch, once that has begun.
        run: number of the run that it launched.
        clusters: those that it switched on.
        runs: all that it launched and that may go on.

    """

    path: Path | None
    use: int = 0
    finished: bool = False
    launching: str = ""
    run: int | None = None
    clusters: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    @classmethod
    def begin(cls, path: Path | None) -> Usage:
        """Return the use that was interrupted, or a new one."""
        last = cls.read(path)
        if last is None:
            return cls(path)
        return last if not last.finished else cls(path, last.use + 1)

    @classmethod
    def read(cls, path: Path | None) -> Usage | None:
        """Return the last use that was written down; None when there is none."""
        if path is None:
            return None
        with contextlib.suppress(OSError, ValueError, TypeError):
            return cls(path, **json.loads(path.read_text()))
        return None

    def key(self, environment: Mapping[str, str], workflow: str, inputs: Mapping[str, Any]) -> str:
        """Return the idempotency key of the launch: the same whenever this use is repeated."""
        if self.launching:
            return self.launching
        job = job_of(environment)
        if job is None:
            from uuid import uuid4

            return f"ci-{uuid4().hex}"
        asked = json.dumps([job, self.use, workflow, inputs], sort_keys=True)
        return f"ci-{hashlib.sha256(asked.encode()).hexdigest()[:40]}"

    def keep(self, started: Started) -> None:
        """Write down what is begun, before it is."""
        self.clusters, self.runs = list(started.clusters), list(started.runs)
        self.save()

    def save(self) -> None:
        """Write the file, whole; only this user can read it."""
        if self.path is None:
            return
        facts = asdict(self)
        del facts["path"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(facts, file)
        part.replace(self.path)
