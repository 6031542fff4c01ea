"""Fixtures that all rooms' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from environments.index_server import Index, needed_by, stand_in_for_parsl, wheel_of_installed

if TYPE_CHECKING:
    from environments.conda_channel import CondaChannel

pytest_plugins = ["towline.testbed.pytest_plugin", "container_images", "server_fixtures"]


@pytest.fixture(scope="session")
def parsl_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with wheels of the workspace's own Parsl and all that it needs."""
    folder = tmp_path_factory.mktemp("parsl-wheels")
    for name in needed_by("parsl"):
        wheel_of_installed(folder, name)
    return folder


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> CondaChannel:
    """Return a conda channel with this Python, Parsl and some small packages."""
    from environments.conda_channel import make_channel

    folder = tmp_path_factory.mktemp("channel")
    return make_channel(folder, tmp_path_factory.mktemp("channel-parts"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Serve an index of the test's own, with a stand-in for Parsl; no other counts."""
    folder = tmp_path / "index"
    folder.mkdir()
    stand_in_for_parsl(folder)
    with Index(folder) as serving:
        only_this_index(monkeypatch, tmp_path, serving.url)
        yield serving


@pytest.fixture
def parsl_index(
    tmp_path: Path, parsl_wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    """Serve an index of the test's own that has the real Parsl."""
    folder = tmp_path / "index"
    folder.mkdir()
    with Index(folder, (parsl_wheels,)) as serving:
        only_this_index(monkeypatch, tmp_path, serving.url)
        yield serving


def only_this_index(patch: pytest.MonkeyPatch, folder: Path, url: str) -> None:
    """Let uv and pip see one index, and nothing of the user's settings."""
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")):
            patch.delenv(name)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("UV_NO_CONFIG", "1")
    patch.setenv("UV_DEFAULT_INDEX", url)
    patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
