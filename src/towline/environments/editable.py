"""Where the code of an editable install really is.

Its parts are taken straight from the source tree, as the workspace's imports take them. A wheel
would need the package's build back end, often from an index, at every edit; the tree is at hand,
and is what the script has been tried with.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from towline.environments.installed import SHARED_FOLDERS, Installed
from towline.errors import EnvironmentBuildFailed

NOT_CODE = frozenset(
    {"build", "dist", "doc", "docs", "test", "tests", "setup.py", "conftest.py", "noxfile.py"}
)
"""Found at the top of projects, imported by no worker."""


def importable_parts(package: Installed) -> dict[str, Path]:
    """Return what an import of this distribution can reach, by its path in ``site-packages``.

    Values are folders or files on the workspace.

    Raises:
        EnvironmentBuildFailed: nothing is found, as with loaders that build on import.

    """
    stated = _top_level(package)
    found: dict[str, Path] = {}
    for folder in _path_folders(package):
        found.update(_parts_in(folder, stated))
    found.update(_finder_parts(package))
    if not found:
        found.update(_asked_of_import(stated or [package.name.replace("-", "_")]))
    if not found:
        raise EnvironmentBuildFailed(
            f"package {package.name}",
            "is installed in a way that hides where its code is",
            f"install it not editable: python -m pip install {package.editable_folder or '.'}",
        )
    return found


def _top_level(package: Installed) -> list[str]:
    stated = (package.distribution.read_text("top_level.txt") or "").split()
    if not stated and package.site.name in SHARED_FOLDERS and package.editable_folder is None:
        return [package.name.replace("-", "_")]  # the folder is everybody's: take no more
    return stated


def _path_folders(package: Installed) -> Iterator[Path]:
    """Yield the folders that the install adds to ``sys.path``."""
    folder = package.metadata_folder
    if folder is not None and folder.suffix == ".egg-info":
        yield folder.parent
        return
    for file in package.distribution.files or ():
        if file.suffix == ".pth":
            for line in _lines(package.site / str(file)):
                path = package.site / line
                if line and not line.startswith(("#", "import ", "import\t")) and path.is_dir():
                    yield path


def _parts_in(folder: Path, stated: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield what may be imported from a folder; of a project's own folder only packages."""
    names = list(stated)
    is_project = (folder / "pyproject.toml").exists() or (folder / "setup.py").exists()
    for item in sorted(folder.iterdir()):
        if item.name.startswith((".", "__pycache__")) or item.suffix in (".egg-info", ".dist-info"):
            continue
        if names and item.name.partition(".")[0] not in names:
            continue
        if is_project and item.name in NOT_CODE and not names:
            continue
        if item.is_dir():
            # Below a project's own folder, what has no __init__.py is seldom code.
            if (item / "__init__.py").exists() or item.name in names or not is_project:
                yield item.name, item
        elif item.suffix in (".py", ".so"):
            yield item.name, item


def _finder_parts(package: Installed) -> Iterator[tuple[str, Path]]:
    """Yield the parts in the table of a setuptools finder, ``__editable___NAME_finder.py``."""
    for file in package.distribution.files or ():
        if file.name.startswith("__editable___") and file.name.endswith("_finder.py"):
            source = "\n".join(_lines(package.site / str(file)))
            for name, place in _literal(source, "MAPPING").items():
                path = Path(place)
                if path.is_dir():
                    yield name.replace(".", "/"), path
                elif path.with_suffix(".py").is_file():
                    yield f"{name.replace('.', '/')}.py", path.with_suffix(".py")


def _literal(source: str, name: str) -> dict[str, str]:
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(node, "value", None)
            return dict(ast.literal_eval(value)) if value is not None else {}
    return {}


def _asked_of_import(names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        if spec is None:
            continue
        places = [Path(str(place)) for place in spec.submodule_search_locations or ()]
        origin = Path(spec.origin) if spec.origin else None
        if len(places) == 1 and places[0].is_dir():
            yield name, places[0]
        elif not places and origin is not None and origin.is_file():
            yield origin.name, origin


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
