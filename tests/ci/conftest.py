"""Fixtures for tests of CI steps: a real server, and what stands in for GitHub's runner."""

from __future__ import annotations

from pathlib import Path

import pytest
from client.conftest import own, served
from client.server_process import ServerProcess

from .github_runner import GithubRunner

__all__ = ["own", "served"]


@pytest.fixture
def github(served: ServerProcess, tmp_path: Path) -> GithubRunner:
    """Return a runner for one job; the server's address and a key are among its inputs."""
    return GithubRunner(tmp_path, {"server": served.url, "api-key": key_of(served)})


def key_of(served: ServerProcess) -> str:
    """Return a key as CI has one; made once for each server."""
    file = served.home / "ci-key"
    if not file.exists():
        file.write_text(served.make_key("read", "run", "clusters", name="ci"))
    return file.read_text()
