"""What workers need of a conda environment beyond its file: the script's Python and Parsl."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement

from towline.environments.conda.environment_file import Asked, EnvironmentFile
from towline.environments.conda.pip_section import PipLine, PipSection
from towline.environments.for_script import conda_library, needs_of_towline
from towline.errors import DefinitionError, EnvironmentMismatch

NOTHING = "Nothing was submitted."

_WORKERS = ("workers", "this script", "the script")
_THE_SCRIPT = ("the script", "Towline", "Towline")
"""Who would run on the environment, and whose Python and Parsl it must have, said in two ways."""

_PATCH_LEVELS = range(60)
"""Of a Python minor version; which of them the channels have, the solver will see."""


@dataclass(frozen=True)
class Wanted:
    """All that the environment is to have."""

    packages: tuple[str, ...]
    """Match specifications for the solver."""
    pip: PipSection
    injected: bool
    """Parsl was added to the packages; when no channel has it, pip may bring it."""
    notes: tuple[str, ...]
    """What was decided for the user, in words."""


def wanted(
    file: EnvironmentFile,
    *,
    python: str,
    parsl: str,
    policy: str,
    cluster: str,
    for_script: bool = False,
) -> Wanted:
    """Return what is asked for, with the script's Python minor version and its exact Parsl.

    Args:
        file: the user's environment.yml.
        python: full version that the script runs on.
        parsl: version that the script runs with.
        policy: ``inject``, ``require`` or ``ignore``.
        cluster: for messages.
        for_script: the script itself runs on it: with what Towline needs, by pip.

    Raises:
        DefinitionError: something is no match specification, or Parsl is required and not pinned.
        EnvironmentMismatch: the file pins another Python or another Parsl; says both and where.

    """
    minor = ".".join(python.split(".")[:2])
    users = _THE_SCRIPT if for_script else _WORKERS
    section = _with_towline(file.pip) if for_script else file.pip
    pythons = _named(file.packages, "python")
    for asked in pythons:
        _admits_python(asked, python, minor, cluster, users)
    packages = [*(asked.text for asked in file.packages), f"python {minor}.*"]
    notes = []
    if not any(_version(asked) for asked in pythons):
        notes.append(f"{file.path} does not pin python: {minor} is taken, as the script runs on it")
    if policy == "ignore":
        return Wanted(tuple(packages), section, False, tuple(notes))
    channels = _named(file.packages, "parsl")
    pip = [line for line in file.pip.lines if line.name == "parsl"]
    for asked in channels:
        _admits_parsl(_admits(asked, [parsl]), asked.text, asked.place, parsl, cluster, users)
    for line in pip:
        _admits_parsl(_pip_admits(line, parsl), line.text, line.place, parsl, cluster, users)
    texts = [*(asked.text for asked in channels), *(line.text for line in pip)]
    if policy == "require" and not any(map(_is_exact, texts)):
        raise DefinitionError(
            str(file.path),
            f"does not pin parsl, which env_parsl: require demands. {NOTHING}",
            f"add parsl=={parsl} under dependencies",
        )
    if not pip:
        packages.append(f"parsl =={parsl}")
    if not (channels or pip):
        notes.append(f"{file.path} does not name parsl: {parsl} is added, as the script has it")
    lines = tuple(_with_parsl(line, parsl) if line in pip else line for line in section.lines)
    return Wanted(
        packages=tuple(packages),
        pip=replace(section, lines=lines),
        injected=not (channels or pip),
        notes=tuple(notes),
    )


def without_injected_parsl(asked: Wanted, parsl: str) -> Wanted:
    """Return the same with Parsl from the package index, for channels that do not have it."""
    line = PipLine(f"parsl=={parsl}", "the script's own")
    return Wanted(
        packages=tuple(text for text in asked.packages if text != f"parsl =={parsl}"),
        pip=replace(asked.pip, lines=(*asked.pip.lines, line)),
        injected=False,
        notes=(*asked.notes, f"no channel has a fitting parsl {parsl}: pip brings it"),
    )


def _named(packages: Sequence[Asked], name: str) -> list[Asked]:
    return [asked for asked in packages if package_name(asked) == name]


def package_name(asked: Asked) -> str:
    """Return the name of the package that is asked for.

    Raises:
        DefinitionError: it is no match specification; the parser's words are the cause.

    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        name = MatchSpec(asked.text).name
    except InvalidMatchSpecError as error:
        raise DefinitionError(asked.place, f"{asked.text!r} is no package: {error}") from error
    return str(getattr(name, "normalized", ""))


def _version(asked: Asked) -> str:
    from rattler import MatchSpec

    return str(MatchSpec(asked.text).version or "")


def _admits(asked: Asked, versions: Iterable[str]) -> bool:
    """Return whether any of these versions of the package is what is asked for."""
    from rattler.version import Version, VersionSpec

    version = _version(asked)
    return not version or any(VersionSpec(version).matches(Version(each)) for each in versions)


def _with_towline(section: PipSection) -> PipSection:
    """Return a pip section that also brings what Towline needs; the user's own lines go first."""
    given = {line.name for line in section.lines}
    lines = (PipLine(text, "Towline's own") for text in [*needs_of_towline(), *conda_library()])
    more = (line for line in lines if line.name not in (*given, "parsl"))
    return replace(section, lines=(*section.lines, *more))


def _admits_python(
    asked: Asked, python: str, minor: str, cluster: str, users: tuple[str, str, str]
) -> None:
    if not _admits(asked, (f"{minor}.{patch}" for patch in _PATCH_LEVELS)):
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{users[0]} would run the Python of {asked.place} ({asked.text}), but {users[1]} runs "
            f"{python}. Functions are sent as byte-code and cannot cross minor versions (a crash, "
            f"no error). {NOTHING}",
            f"set python={minor} in {asked.place}, or start {users[2]} with that Python",
        )


def _pip_admits(line: PipLine, parsl: str) -> bool:
    requirement = line.requirement
    # What an address leads to shows when it is there: the pre-flight compares exactly.
    return requirement is None or requirement.specifier.contains(parsl, prereleases=True)


def _admits_parsl(
    admits: bool, text: str, place: str, parsl: str, cluster: str, users: tuple[str, str, str]
) -> None:
    if not admits:
        pinned = ", ".join(re.findall(r"\d[\w.*]*", text)) or text
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{users[0]} would run Parsl {pinned} ({place}: {text}), but {users[1]} runs Parsl "
            f"{parsl}. Both must be exactly equal. {NOTHING}",
            f"set parsl=={parsl} in {place} or leave parsl out (it is added), or: python -m pip "
            f"install parsl=={pinned}",
        )


def _is_exact(text: str) -> bool:
    """Return whether it pins one version: ``==1.2``, not ``>=1.2`` nor ``=1.2.*``."""
    return re.search(r"(?<![<>!~])==?\s*[\d.]+(?:\s*$|=)", text) is not None


def _with_parsl(line: PipLine, parsl: str) -> PipLine:
    requirement = line.requirement
    if requirement is None or requirement.url:
        return line
    exact = Requirement(str(requirement))
    exact.specifier = type(requirement.specifier)(f"=={parsl}")
    return replace(line, text=str(exact))
