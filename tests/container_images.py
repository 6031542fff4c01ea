"""Real Apptainer, and small images that it made, for the tests of containers.

``scripts/setup_apptainer`` fetches Apptainer. Where it is not there, the tests that need it are
skipped, and one line at the end says what to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from towline.environments.standalone import lay_out

PROGRAM = Path("/var/cache/towline-testbed/apptainer/bin/apptainer")
_REASON = "no Apptainer here"
_TOOLS = (
    *("sh", "cat", "ls", "mkdir", "touch", "sleep", "id", "env", "rm"),
    *("getopt", "sed", "cut", "tr"),  # Apptainer's fakeroot is a script
)


@pytest.fixture(scope="session")
def apptainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, as `wrapped` gives it."""
    if not PROGRAM.exists():
        pytest.skip(_REASON)
    return wrapped(tmp_path_factory.mktemp("apptainer"))


def wrapped(folder: Path) -> Path:
    """Return Apptainer as an ordinary user would run it; in a namespace for root.

    A root that lacks some capability is refused by Apptainer; one in a user namespace lacks none.
    """
    before = "unshare --map-root-user " if os.geteuid() == 0 else ""
    wrapper = folder / "apptainer"
    wrapper.write_text(f'#!/bin/sh\nexec {before}{PROGRAM} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say once why tests were left out and what to do."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    skipped = terminal.stats.get("skipped", []) if terminal else []
    if count := sum(_REASON in str(report.longrepr) for report in skipped):
        line = f"NO APPTAINER HERE, {count} tests were left out: as root, scripts/setup_apptainer"
        terminal.write_line(line, yellow=True, bold=True)


@pytest.fixture(scope="session")
def image(apptainer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with the workspace's Python, and without Parsl."""
    return python_image(apptainer, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def image_without_python(apptainer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with a shell and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    return build(apptainer, folder / "bare.sif", bare_root(folder / "root"))


@pytest.fixture(scope="session")
def image_of_another_minor(apptainer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image whose Python only says that it is 3.99: no other real one is at hand everywhere."""
    folder = tmp_path_factory.mktemp("other")
    root = bare_root(folder / "root")
    python = root / "bin/python3"
    python.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-c*) echo @@is=3.99; exit 0 ;; esac\n'
        'cat >/dev/null\necho \'@@python={"version": "3.99.1", "implementation": "CPython", '
        '"executable": "/bin/python3"}\'\n'
    )
    python.chmod(0o755)
    return build(apptainer, folder / "other.sif", root)


def python_image(apptainer: Path, folder: Path) -> Path:
    """Build an image with the running Python, and without Parsl, in an empty folder."""
    root = bare_root(folder / "root")
    python = root / "opt/python"
    python.mkdir(parents=True)
    for member in lay_out(python):
        if member.source is not None:
            (python / member.name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(member.source, python / member.name)
    for name in ("python", "python3", f"python3.{sys.version_info[1]}"):
        (root / "bin" / name).symlink_to("/opt/python/bin/python3")
    return build(apptainer, folder / "image.sif", root)


def bare_root(root: Path) -> Path:
    """Fill a folder with a C library, a shell and a few tools; return it."""
    for folder in ("bin", "dev", "proc", "sys", "tmp", "home", "etc", "usr", "root", "lib", "opt"):
        (root / folder).mkdir(parents=True)
    (root / "var/tmp").mkdir(parents=True)
    (root / "usr/bin").symlink_to("../bin")
    (root / "lib64").symlink_to("lib")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for name in ("resolv.conf", "hosts", "localtime"):
        (root / "etc" / name).touch()
    for tool in _TOOLS:
        path = shutil.which(tool, path="/usr/bin:/bin") or pytest.fail(f"no {tool} here")
        shutil.copy2(Path(path).resolve(), root / "bin" / tool)
        _libraries(root, path)
    _libraries(root, sys.executable)
    older = ("librt", "libpthread", "libdl", "libutil", "libm")  # wheels for older glibc name them
    for name in ("libgcc_s", "libstdc++", "libresolv", *older):
        for library in Path("/usr/lib").glob(f"*-linux-gnu/{name}.so.[0-9]"):
            _copy(root, library)
    return root


def build(apptainer: Path, target: Path, source: Path) -> Path:
    """Build an image, without compression: that is most of the time."""
    fast = ["--mksquashfs-args", "-noD -noI -noF -noX"]
    command = [str(apptainer), "build", *fast, str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target


def _libraries(root: Path, program: str) -> None:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        _copy(root, Path(library))


def _copy(root: Path, library: Path) -> None:
    folder = root / str(library.parent).removeprefix("/usr").lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / library.name).exists():
        shutil.copy2(library.resolve(), folder / library.name)
