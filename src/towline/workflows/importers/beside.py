"""What lies beside an old form: ``github.json``, ``local.conf``, a thumbnail, other files."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from towline.errors import DefinitionError
from towline.workflows.importers.report import Report

GITHUB = "github.json"
LOCAL_CONF = "local.conf"
FORM = "workflow.xml"

PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".webp")
_WORKSPACE_KEYS = {
    "CONDA_ENV": "conda_env",
    "CONDA_DIR": "conda_dir",
    "INSTALL_CONDA": "install_conda",
    "LOCAL_CONDA_YAML": "local_conda_yaml",
}


def read_github(folder: Path, report: Report) -> dict[str, str]:
    """Return what ``github.json`` says of files in this folder: ``xml``, ``thumbnail``, ``readme``.

    Raises:
        DefinitionError: it is no JSON mapping.

    """
    path = folder / GITHUB
    if not path.is_file():
        return {}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DefinitionError(str(path), f"is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise DefinitionError(str(path), "must be a mapping")
    found = {}
    where = " ".join(f"{key} {raw[key]}" for key in ("repo", "branch", "dir") if raw.get(key))
    if where:
        how = "install it from there, and update it so: towline workflow add URL --ref BRANCH"
        report.changed(None, where, how)
    for key, value in raw.items():
        if key in ("repo", "branch", "dir"):
            continue
        if key not in ("xml", "thumbnail", "readme"):
            report.left_out(None, f"{key}={value!r}", "nothing is known of it here")
        elif name := _inside(folder, str(value), str(raw.get("dir") or "")):
            report.carried(None, f"{key}: {value}")
            found[key] = name
        else:
            report.left_out(None, f"{key}: {value}", "there is no such file in this folder")
    return found


def _inside(folder: Path, name: str, below: str) -> str | None:
    """Return a file's path in the folder; its name may begin with the repository's ``dir``."""
    for each in (name, name.removeprefix(below).lstrip("/")):
        path = PurePosixPath(each)
        usual = bool(each) and not path.is_absolute() and ".." not in path.parts
        if usual and (folder / path).is_file() and not (folder / path).is_symlink():
            return str(path)
    return None


def thumbnail_of(folder: Path, named: str | None, title: str, report: Report) -> str | None:
    """Return the picture of a workflow: the one that is named, else one that is called so."""
    candidates = [named] if named else []
    stems = ("thumbnail", "logo", title.lower(), folder.name.lower())
    candidates += sorted(
        each.name for each in folder.iterdir() if each.is_file() and each.stem.lower() in stems
    )
    for name in candidates:
        if Path(name).suffix.lower() in PICTURES:
            report.carried(None, f"picture {name}", "thumbnail")
            return name
        if named == name or Path(name).suffix.lower() in (".gif", ".bmp", ".tif", ".tiff"):
            report.left_out(None, f"picture {name}", f"save it as one of {', '.join(PICTURES)}")
    return None


def read_local_conf(folder: Path, report: Report) -> dict[str, Any]:
    """Return ``environment`` for the workspace, from the ``local.conf`` of 2022."""
    path = folder / LOCAL_CONF
    if not path.is_file():
        return {}
    found: dict[str, Any] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)", text)
        name = _WORKSPACE_KEYS.get(match[1].upper()) if match else None
        if match is None or name is None:
            report.left_out(number + 1, text, "it is no setting of the workspace's environment")
            continue
        value = match[2].strip().strip("\"'")
        if "$" in value or "__" in value:
            report.left_out(number + 1, text, "no shell reads it: write the value itself")
            continue
        found[name] = value.lower() == "true" if name == "install_conda" else value
        report.carried(number + 1, text, f"environment: {name}")
    return found
