"""Debian 13 in a folder, with the schedulers that this machine's Debian lacks or has older.

Made once by ``mmdebstrap`` and kept in the user's cache folder, whatever ``TOWLINE_HOME`` says, as
that is often a folder for one test. Hosts see it read-only; it may be removed when none is up.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from towline.errors import TestbedError
from towline.testbed.requirements import Way, search_path, way

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = (
    *("slurmctld", "slurmd", "slurm-client", "munge", "openssh-server", "python3"),
    *("htcondor", "gridengine-master", "gridengine-exec", "gridengine-client"),
    *("iproute2", "procps"),
)
UNWANTED = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"),
    *("/usr/libexec/gcc/*", "/usr/lib/gcc/*"),
)
"""Half of the files, and nothing that runs."""

# Its question has no good answer before there is a cell; hosts make theirs when they boot.
_PRESEED = (
    'echo "gridengine-common shared/gridengineconfig boolean false" | '
    'chroot "$1" debconf-set-selections'
)
_LIMIT = 1200.0  # seconds
_NEEDED_MIB = 700


def tree_folder() -> Path:
    """Return where the tree is, or will be: one folder for each recipe."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    recipe = hashlib.sha256(" ".join(_command(Path("/tree"))).encode()).hexdigest()[:12]
    return Path(cache) / "towline" / "testbed" / f"debian-{SUITE}-{recipe}"


def what_a_tree_lacks() -> str:
    """Return why there is no tree and none can be made here, in a sentence; empty when it can."""
    if way() is not Way.AS_ROOT:
        return "clusters in a root tree (sge, condor, slurm24) need root"
    if tree_folder().is_dir():
        return ""
    if not shutil.which("mmdebstrap", path=search_path()):
        return "not installed: mmdebstrap; type: apt-get install -y mmdebstrap"
    if not Path(KEYRING).exists():
        return f"{KEYRING} is missing; type: apt-get install -y debian-archive-keyring"
    return ""


def root_tree(progress: Callable[[str], None] = lambda _: None) -> Path:
    """Return the tree, making it when it is not there: a minute, 400 MB.

    Raises:
        TestbedError: it cannot be made here, or making it failed; nothing of it remains.

    """
    if lack := what_a_tree_lacks():
        raise TestbedError("root tree", lack)
    folder = tree_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever came first makes it, the others wait
        if not folder.is_dir():
            _make(folder, progress)
    return folder


def _make(folder: Path, progress: Callable[[str], None]) -> None:
    free = shutil.disk_usage(folder.parent).free // 1024**2
    if free < _NEEDED_MIB:
        raise TestbedError("root tree", f"{folder.parent} has {free} MiB free, not {_NEEDED_MIB}")
    started = time.monotonic()
    progress(f"making a Debian {SUITE} tree in {folder.parent}: once, about a minute, 400 MB")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    log = folder.with_name(f"{folder.name}.log")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with log.open("wb") as output:
            done = subprocess.run(
                _command(unfinished),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=_LIMIT,
                env={**os.environ, "PATH": search_path(), "DEBIAN_FRONTEND": "noninteractive"},
            )
        if done.returncode:
            errors = [line for line in log.read_text(errors="replace").splitlines() if line]
            said = next((line for line in errors if line.startswith("E:")), errors[-1])
            raise TestbedError("root tree", f"mmdebstrap: {said}", f"less {log}")
        unfinished.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise TestbedError("root tree", f"not made in {_LIMIT:.0f} s", f"less {log}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    progress(f"made {folder} in {time.monotonic() - started:.0f} s")


def _command(target: Path) -> list[str]:
    source = (
        f"deb [signed-by={KEYRING}] {os.environ.get('TOWLINE_DEBIAN_MIRROR', MIRROR)} {SUITE} main"
    )
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
        "--dpkgopt=force-unsafe-io",
        '--aptopt=APT::Install-Recommends "false"',
        f"--essential-hook={_PRESEED}",
        f"--include={','.join(PACKAGES)}",
        *(SUITE, str(target), source),
    ]


def main() -> None:
    """Make the tree, saying so; with ``--there`` only tell by the exit code whether it is there."""
    if sys.argv[1:] == ["--there"]:
        sys.exit(0 if tree_folder().is_dir() else 1)
    try:
        root_tree(lambda text: print(f"{text} …", flush=True))
    except TestbedError as error:
        sys.exit(f"error: {error}")
