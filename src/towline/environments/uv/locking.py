"""From a spec to the exact wheels for one cluster, kept as a lock."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from towline.environments.for_script import needs_of_towline
from towline.environments.locks import Lock, LockStore, now, request_id, without_secrets
from towline.environments.request import EnvironmentRequest
from towline.environments.uv.indexes import index_settings
from towline.environments.uv.pylock import (
    Package,
    read_pylock,
    render_pylock,
    with_queries,
    without_queries,
)
from towline.environments.uv.spec import Form, Spec, read_spec
from towline.environments.uv.target import Target
from towline.environments.uv.tool import run_uv, words_of
from towline.errors import DefinitionError, EnvironmentBuildFailed, EnvironmentMismatch

SCHEMA = "1"
"""Changes when the same spec comes to another lock."""

NOTHING = "Nothing was submitted."

_NO_WHEEL = re.compile(r"no usable wheels|no wheels|building from source is disabled")
_STALE = re.compile(r"needs to be updated|lockfile .*(is missing|outdated)")


@dataclass(frozen=True)
class Locked:
    """A spec with the packages that it came to."""

    spec: Spec
    lock: Lock
    packages: tuple[Package, ...]


def locked_spec(
    request: EnvironmentRequest, target: Target, store: LockStore | None = None
) -> Locked:
    """Return the exact packages of a request, from its stored lock or else made now.

    Raises:
        DefinitionError: the spec cannot be read, its own lock is stale, or it has no stored lock
            and none may be made.
        EnvironmentMismatch: it asks for another Python or another Parsl than the script runs on.
        EnvironmentBuildFailed: it has no solution, or a package has no wheel.

    """
    store = store or LockStore()
    spec = read_spec(Path(str(request.spec)))
    _check_python(spec, target)
    parsl = version("parsl")
    if request.parsl != "ignore":
        _check_parsl(spec, parsl)
    injected = _injected(request, parsl)
    # Folders of the user's own are named from where the spec lies; all else is in its text.
    place = str(spec.path.parent) if spec.folders or spec.form is Form.LOCKED_PROJECT else ""
    texts = [*map(without_queries, spec.texts), *_needs_of(spec.folders)]
    asked = [SCHEMA, place, *texts, target.words, request.parsl, *injected]
    identity = request_id("uv", [*asked, *_where_from(os.environ)])
    lock = store.load(identity) if request.update != "relock" else None
    if lock is None and request.update == "never":
        raise DefinitionError(
            str(spec.path),
            f"has no lock for {target.words}, and env_update is never",
            "make one: towline env lock EXECUTORS",
        )
    if lock is None:
        packages = _resolve(spec, target, injected)
        lock = Lock(
            "uv",
            identity,
            tuple(sorted(package.line for package in packages)),
            now(),
            tuple(map(str, spec.files)),
            render_pylock(packages),
        )
        _check_locked_parsl(spec, packages, parsl, request)
        store.save(lock)
    else:
        packages = read_pylock(lock.text, target, spec.path.parent, spec.path.name)
    return Locked(spec, lock, tuple(with_queries(packages, spec.texts)))


def _needs_of(folders: Sequence[Path]) -> list[str]:
    """Return the texts in which packages of the user's own say what they need."""
    names = ("pyproject.toml", "setup.cfg", "setup.py")
    files = [folder / name for folder in folders for name in names]
    return [file.read_text("utf-8", "replace") for file in files if file.is_file()]


def _injected(request: EnvironmentRequest, parsl: str) -> list[str]:
    """Return the requirement lines that are added to the spec."""
    lines = [f"parsl=={parsl}"] if request.parsl == "inject" else []
    return lines + (needs_of_towline() if request.for_script else [])


def _check_python(spec: Spec, target: Target) -> None:
    try:
        fits = SpecifierSet(spec.requires_python).contains(target.python, prereleases=True)
    except InvalidSpecifier as error:
        raise DefinitionError(str(spec.path), f"requires-python: {error}") from error
    if not fits:
        raise EnvironmentMismatch(
            str(spec.path),
            f"requires Python {spec.requires_python}, but this script runs {target.python}. "
            "Functions are sent as byte-code and cannot cross minor versions: a crash, no error. "
            f"{NOTHING}",
            f"let requires-python include {target.minor}, or start the script with a Python that "
            "it includes",
        )


def _check_parsl(spec: Spec, parsl: str) -> None:
    for asked in spec.asks_for("parsl"):
        if not asked.specifier.contains(parsl, prereleases=True):
            raise _other_parsl(spec, str(asked), parsl)


def _check_locked_parsl(
    spec: Spec, packages: Sequence[Package], parsl: str, request: EnvironmentRequest
) -> None:
    if request.parsl == "ignore":
        return
    found = [package for package in packages if package.name == "parsl"]
    if not found:
        raise EnvironmentMismatch(
            str(spec.path),
            f"has no Parsl, and env_parsl is require; this script runs Parsl {parsl}. {NOTHING}",
            f"write parsl=={parsl} there, or set env_parsl: inject",
        )
    theirs = getattr(found[0], "version", parsl)
    if theirs != parsl:
        raise _other_parsl(spec, f"parsl=={theirs}", parsl)


def _other_parsl(spec: Spec, asked: str, parsl: str) -> EnvironmentMismatch:
    return EnvironmentMismatch(
        str(spec.path),
        f"asks for {asked}, but this script runs Parsl {parsl}. Both must be exactly equal. "
        f"{NOTHING}",
        f"write parsl=={parsl} there or leave it out (it is added), or start the script with the "
        "Parsl that it asks for",
    )


def _resolve(spec: Spec, target: Target, injected: list[str]) -> list[Package]:
    with tempfile.TemporaryDirectory(prefix="towline-lock-") as name:
        scratch = Path(name)
        if spec.form is not Form.LOCKED_PROJECT:
            return _compiled(spec, target, injected, [str(spec.path)], scratch)
        exported = scratch / "pylock.project.toml"
        options = ["--locked", "--no-emit-project", "--no-dev", "--format", "pylock.toml"]
        command = ["export", "--quiet", *options, "--output-file", str(exported)]
        _run(spec, target, [*command, "--python", sys.executable])
        own = _read(exported, spec, target)
        missing = _not_there(injected, own)
        if not missing:
            return own
        # What the project has locked stays as it is; only what is added is resolved.
        pins = scratch / "pins.txt"
        pins.write_text("".join(f"{p.line.split()[0]}\n" for p in own if "==" in p.line))
        more = _compiled(spec, target, missing, ["--constraints", str(pins)], scratch)
        known = {package.name for package in own}
        both = [*own, *(package for package in more if package.name not in known)]
        return sorted(both, key=lambda package: package.name)


def _not_there(injected: list[str], packages: Sequence[Package]) -> list[str]:
    known = {package.name for package in packages}
    return [line for line in injected if Requirement(line).name.lower() not in known]


def _compiled(
    spec: Spec, target: Target, injected: list[str], sources: list[str], scratch: Path
) -> list[Package]:
    added, output = scratch / "added-by-towline.txt", scratch / "pylock.spec.toml"
    added.write_text("".join(f"{line}\n" for line in injected))
    options = ["--format", "pylock.toml", "--output-file", str(output), "--no-header"]
    options += ["--only-binary", ":all:", "--python-version", target.minor]
    options += ["--python-platform", target.uv_platform, "--python", sys.executable]
    _run(spec, target, ["pip", "compile", "--quiet", *options, *sources, str(added)])
    return _read(output, spec, target)


def _read(pylock: Path, spec: Spec, target: Target) -> list[Package]:
    text = pylock.read_text(encoding="utf-8")
    return read_pylock(text, target, pylock.parent, str(spec.path))


def _run(spec: Spec, target: Target, command: list[str]) -> None:
    answer = run_uv(command, folder=spec.path.parent)
    if answer.returncode == 0:
        return
    said = words_of(answer.stderr)
    thing = str(spec.path)
    if _STALE.search(said):
        lock = str(spec.path.with_name("uv.lock"))
        raise DefinitionError(lock, f"does not fit its pyproject.toml: {said}", "uv lock")
    if _NO_WHEEL.search(said):
        raise EnvironmentBuildFailed(
            thing,
            f"a package has no wheel for {target.words}: {said} {NOTHING}",
            "pin a version that has one, or give a wheel by path or URL (uv build --wheel)",
        )
    raise EnvironmentBuildFailed(thing, f"cannot be locked: {said} {NOTHING}")


def _where_from(environment: Mapping[str, str]) -> list[str]:
    """Return the indexes in use, without secrets: another index, another lock."""
    own = {name: environment[name] for name in _INDEX_VARIABLES if name in environment}
    settings = {**own, **index_settings(environment)}
    return [f"{name}={without_secrets(settings[name])}" for name in sorted(settings)]


_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
)
