"""Fixtures for tests of the command line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .command import Towline, make_towline


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test its own home and Towline home; its sockets' folder goes afterwards."""
    runtime = tempfile.mkdtemp(prefix="tl-", dir="/tmp")  # short, as sockets' paths must be
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", runtime)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "towline"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # shims of a Python manager are slow
    yield tmp_path
    shutil.rmtree(runtime)


@pytest.fixture
def towline(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Towline:
    """Return a function that runs the command and returns exit code and output."""
    return make_towline(monkeypatch, capfd)
