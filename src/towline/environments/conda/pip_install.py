"""Install the ``pip:`` section into a linked environment, from wheels that fit the cluster."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from towline.environments.cluster_side import Facts
from towline.environments.conda.pip_section import PipSection
from towline.environments.conda.rattler import INSTALL
from towline.environments.hashes import HashMemory
from towline.environments.interpreter import Workspace
from towline.environments.members import tree
from towline.environments.uv.target import target_of
from towline.environments.uv.tool import find_uv, run_uv, words_of
from towline.errors import DefinitionError, EnvironmentBuildFailed, EnvironmentMismatch

_METADATA = re.compile(r"(.+)-([^-]+)\.dist-info")


@dataclass(frozen=True)
class Pin:
    """A package that pip brings, exactly."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    """``sha256:…`` of its files on the index, any of which is right."""
    local: str = ""
    """Folder or archive of the user's own; its content is in the request's id."""

    @property
    def line(self) -> str:
        """Return its line of a lock."""
        if self.local:
            return f"pip:{self.name}=={self.version} @ {self.local}"
        digest = hashlib.sha256("\n".join(self.hashes).encode()).hexdigest()
        return f"pip:{self.name}=={self.version} files:{digest[:32]}"

    def as_dict(self) -> dict[str, object]:
        """Return it for a lock's text."""
        return asdict(self)


def pip_platform(facts: Facts, workspace: Workspace, path: Path, cluster: str) -> str:
    """Return uv's name of the platform that wheels must fit.

    Raises:
        EnvironmentMismatch: what is installed here cannot run there.
        EnvironmentBuildFailed: uv is not installed.

    """
    ours, theirs = (f"{side.system} {side.arch}" for side in (workspace, facts))
    if ours != theirs:
        raise EnvironmentMismatch(
            str(path),
            f"its pip: section is installed in the workspace ({ours}), and the cluster is {theirs}",
            "take these packages from a channel, or start the script on a machine like the cluster",
        )
    try:
        find_uv()
    except EnvironmentBuildFailed as error:
        raise EnvironmentBuildFailed(
            str(path), "its pip: section needs the program uv, which is not installed", INSTALL
        ) from error
    return target_of(workspace, facts, cluster).uv_platform


def lock_pip(section: PipSection, linked: Path, wheels_for: str, thing: str) -> list[Pin]:
    """Install the section into a linked environment to see what it comes to; return the pins.

    Raises:
        DefinitionError: a package is named by its address.
        EnvironmentBuildFailed: in uv's own words.

    """
    for line in section.lines:
        if line.local is None and line.requirement and line.requirement.url:
            raise DefinitionError(  # an index may have another package of that name
                line.place,
                f"{line.name} is named by an address, which cannot be locked",
                "download its wheel and write the wheel's path",
            )
    before = set(_installed(linked))
    with tempfile.TemporaryDirectory(prefix="towline-pip-") as scratch:
        wheels = _built(section, linked, Path(scratch), thing)
        texts = [wheels.get(line.text, line.text) for line in section.lines]
        _install(texts, section, linked, wheels_for, Path(scratch), thing)
        local = {_wheel_name(wheel): text for text, wheel in wheels.items()}
        new = sorted(set(_installed(linked)) - before)
        indexed = [(name, version) for name, version in new if name not in local]
        hashes = _hashes(indexed, section, linked, Path(scratch), thing)
    return [
        Pin(name, version, tuple(hashes.get(name, ())), local.get(name, ""))
        for name, version in new
    ]


def install_pins(
    pins: Sequence[Pin], section: PipSection, linked: Path, wheels_for: str, thing: str
) -> None:
    """Install exactly these packages into a linked environment.

    Raises:
        EnvironmentBuildFailed: in uv's own words; a file that has changed on the index is refused.

    """
    with tempfile.TemporaryDirectory(prefix="towline-pip-") as scratch:
        wheels = _built(section, linked, Path(scratch), thing)
        texts = []
        for pin in pins:
            if pin.local:
                texts.append(wheels[pin.local])
            else:
                options = "".join(f" --hash={each}" for each in pin.hashes)
                texts.append(f"{pin.name}=={pin.version}{options}")
        _install(texts, section, linked, wheels_for, Path(scratch), thing, "--no-deps")


def local_digests(section: PipSection, memory: HashMemory) -> Iterator[str]:
    """Yield what the user's own folders and archives contain, for the request's id."""
    for path in section.local:
        members = tree(path, "", memory) if path.is_dir() else ()
        files = [f"{member.name} {member.digest}" for member in members]
        yield f"{path} {files or memory.sha256(path)}"


def _install(
    texts: Sequence[str],
    section: PipSection,
    linked: Path,
    wheels_for: str,
    scratch: Path,
    thing: str,
    *more: str,
) -> None:
    arguments = ["pip", "install", "--python", str(linked / "bin/python"), "--link-mode", "copy"]
    arguments += ["--only-binary", ":all:", "--python-platform", wheels_for]
    arguments += ["--break-system-packages", *more]
    if section.constraints:
        arguments += ["-c", _private(scratch / "constraints.txt", section.constraints)]
    wanted = _private(scratch / "wanted.txt", [*section.options, *texts])
    _uv([*arguments, "-r", wanted], scratch, thing)


def _built(section: PipSection, linked: Path, scratch: Path, thing: str) -> dict[str, str]:
    """Return a wheel for each package of the user's own, built from its folder as it is now."""
    wheels: dict[str, str] = {}
    for number, line in enumerate(section.lines):
        if line.local is None:
            continue
        if line.local.suffix == ".whl":
            wheels[line.text] = str(line.local)
            continue
        out = scratch / f"built-{number}"
        arguments = ["build", "--wheel", "--python", str(linked / "bin/python")]
        _uv([*arguments, "--out-dir", str(out), str(line.local)], scratch, thing)
        (wheel,) = out.glob("*.whl")
        extras = re.search(r"\[.*\]", line.text.removeprefix(str(line.local)))
        wheels[line.text] = f"{wheel}{extras[0] if extras else ''}"
    return wheels


def _hashes(
    pins: Sequence[tuple[str, str]], section: PipSection, linked: Path, scratch: Path, thing: str
) -> dict[str, list[str]]:
    """Return the hashes of the packages' files on their index."""
    if not pins:
        return {}
    texts = [*section.options, *(f"{name}=={version}" for name, version in pins)]
    arguments = ["pip", "compile", "--no-deps", "--generate-hashes", "--no-header"]
    arguments += ["--no-annotate", "--quiet", "--only-binary", ":all:"]
    arguments += ["--python", str(linked / "bin/python")]
    said = _uv([*arguments, _private(scratch / "pins.txt", texts)], scratch, thing)
    found: dict[str, list[str]] = {}
    name = ""
    for line in said.splitlines():
        if match := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)==", line):
            name = canonicalize_name(match[1])
        for digest in re.findall(r"--hash=(sha256:[0-9a-f]{64})", line):
            found.setdefault(name, []).append(digest)
    return {name: sorted(hashes) for name, hashes in found.items()}


def _uv(arguments: Sequence[str], scratch: Path, thing: str) -> str:
    answer = run_uv(arguments, folder=scratch)
    if answer.returncode:
        raise EnvironmentBuildFailed(
            thing,
            f"its pip: section cannot be installed: {words_of(answer.stderr)}",
            "only wheels are taken, as the cluster may have no compiler: choose a version that has "
            "one, or take the package from a channel",
        )
    return answer.stdout


def _installed(linked: Path) -> Iterator[tuple[str, str]]:
    for folder in linked.glob("lib/python3*/site-packages/*.dist-info"):
        if match := _METADATA.fullmatch(folder.name):
            yield canonicalize_name(match[1]), match[2]


def _wheel_name(wheel: str) -> str:
    return canonicalize_name(Path(wheel.partition("[")[0]).name.partition("-")[0])


def _private(path: Path, lines: Sequence[str]) -> str:
    """Write a file that only the user can read: addresses of indexes may hold passwords."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join([*lines, ""]))
    return str(path)
