"""What tests of kind `uv` start from: a home of their own, and a spec."""

from __future__ import annotations

import pytest

from towline.environments import EnvironmentRequest


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Locks and archives of each test are its own."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "workspace"))


@pytest.fixture
def spec(tmp_path):
    """Return what writes a spec and gives the request for it."""

    def write(text: str, name: str = "requirements.txt", **keys: object) -> EnvironmentRequest:
        path = tmp_path / "workflow" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return EnvironmentRequest(kind="uv", spec=str(path), **keys)

    return write
