"""Small workflows to install."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WorkflowFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a Towline home of its own."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def workflow_folder(tmp_path: Path) -> WorkflowFolder:
    """Write a workflow and return its folder."""

    def write(name: str = "hello", text: str = "run: [python, main.py]\n", **files: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "workflow.yaml").write_text(text)
        (folder / "main.py").write_text("print('hello')\n")
        for path, content in files.items():
            (folder / path).write_text(content)
        return folder

    return write
