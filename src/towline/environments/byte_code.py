"""Byte-code for the files of an environment, so that no node has to compile on its first import."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from towline.environments.members import Member

COMPILE_SECONDS = 600
"""Limit of compiling; what is not compiled by then, the workers compile."""

_NO_WORKERS_CODE = ("/tests/", "/test/")
"""Folders of packages that workers do not import."""


def with_byte_code(files: Iterable[Member], scratch: Path) -> Iterator[Member]:
    """Yield the files, each module with its byte-code: the workspace's own, else made now.

    Args:
        files: files of an environment.
        scratch: empty folder for what is made; must stay until the files have been packed.

    """
    missing: list[Member] = []
    for file in files:
        yield file
        if file.source is None or not file.name.endswith(".py") or file.name.startswith("bin/"):
            continue
        ready = Path(importlib.util.cache_from_source(str(file.source)))
        if _is_of(ready, file.source):
            yield _compiled(file, ready)
        elif (twin := _of_twin(file)) is not None:
            name = importlib.util.cache_from_source(file.name)
            yield Member(name, None, twin, "", False)
        elif not any(part in file.name for part in _NO_WORKERS_CODE):
            missing.append(file)
    if missing:
        _compile([str(file.source) for file in missing], scratch)
    for file in missing:
        made = _made(file, scratch)
        if made.exists():  # not so where the module is no valid Python: a template, for instance
            yield _compiled(file, made)


def _compiled(file: Member, byte_code: Path) -> Member:
    return Member(importlib.util.cache_from_source(file.name), byte_code, None, "", False)


def _made(file: Member, scratch: Path) -> Path:
    """Return where the compiler writes: below its folder, in the folders of the source."""
    source = Path(str(file.source)).absolute()
    name = Path(importlib.util.cache_from_source(source.name)).name
    return scratch / str(source.parent).lstrip("/") / name


def _of_twin(file: Member) -> bytes | None:
    """Return the byte-code that the workspace has of the same module, for this copy of it.

    Parsl, for one, is the same on both sides; compiling it anew takes a second. An import sets the
    path that the code was compiled under to the one that it is loaded from.
    """
    _, inside, place = file.name.partition("-packages/")
    if not inside or file.source is None:
        return None
    try:
        source = file.source.read_bytes()
        about = file.source.stat()
        for folder in _package_folders():
            twin = folder / place
            ready = Path(importlib.util.cache_from_source(str(twin)))
            if _is_of(ready, twin) and twin.read_bytes() == source:
                stamp = (int(about.st_mtime) & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)
                head = b"".join(number.to_bytes(4, "little") for number in (0, *stamp))
                return importlib.util.MAGIC_NUMBER + head + ready.read_bytes()[16:]
    except OSError:
        pass
    return None


def _package_folders() -> list[Path]:
    return [Path(path) for path in sys.path if path.endswith("-packages")]


def _is_of(byte_code: Path, source: Path) -> bool:
    """Return whether byte-code belongs to its source as that is now, as an import would judge."""
    try:
        with byte_code.open("rb") as file:
            head = file.read(16)
        about = source.stat()
    except OSError:
        return False
    if len(head) < 16 or head[:4] != importlib.util.MAGIC_NUMBER or head[4:8] != b"\0\0\0\0":
        return False
    stamp = (int(about.st_mtime) & 0xFFFFFFFF, about.st_size & 0xFFFFFFFF)
    return head[8:] == b"".join(number.to_bytes(4, "little") for number in stamp)


def _compile(sources: list[str], scratch: Path) -> None:
    """Compile in processes of their own, which do not see what the script has imported."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-S", "-s", "-m", "compileall", "-q", "-q", "-j", "0", "-i", "-"],
            input="\n".join(sources),
            text=True,
            cwd=scratch,
            env=clean | {"PYTHONPYCACHEPREFIX": str(scratch)},
            timeout=COMPILE_SECONDS,
            check=False,
        )
