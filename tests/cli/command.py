"""Run the ``towline`` command inside a test, as a shell would."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from towline.cli.main import main


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Return the output of ``--json``."""
        return json.loads(self.out)

    def steps(self) -> dict[str, str]:
        """Return the status of each step of ``cluster check --json`` or ``add --json``."""
        return {step["step"]: step["status"] for step in self.data["steps"]}

    def step(self, name: str) -> dict[str, Any]:
        """Return all about one step."""
        return dict(next(step for step in self.data["steps"] if step["step"] == name))


Towline = Callable[..., Answer]


def make_towline(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Towline:
    """Return a function that runs ``towline`` with its arguments."""

    def towline(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["towline", *words])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return towline
