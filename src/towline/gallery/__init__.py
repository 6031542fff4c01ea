"""Scripts to start from: each a folder with ``main.py`` and, where it uses Parsl, executors."""

from __future__ import annotations

from pathlib import Path

GALLERY = Path(__file__).parent


def gallery_script(name: str) -> Path:
    """Return the script of a gallery workflow."""
    return GALLERY / name / "main.py"
