"""The accounting database as it is before the first job: made once a machine, then copied.

One file of about a megabyte for each version of the packages and of our settings, in the user's
cache folder, whatever ``TOWLINE_HOME`` says: that is often a folder for one test. It may be removed
at any time; the next testbed makes it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from towline.testbed import accounting, requirements
from towline.testbed.spec import Cluster


def prepared_file(cluster: Cluster) -> Path:
    """Return where the prepared database of a cluster is, or will be."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = f"accounting-{_key(cluster)}.tgz"
    return Path(cache) / "towline" / "testbed" / name


def copy_to(var: Path, cluster: Cluster) -> bool:
    """Unpack the prepared database into a host's ``/var``; False: there is none that is whole."""
    packed = prepared_file(cluster)
    if not packed.exists():
        return False
    unpack = ["tar", "-C", str(var), "--same-owner", "-xzf", str(packed)]
    done = subprocess.run(unpack, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        shutil.rmtree(var / accounting.DATABASE, ignore_errors=True)
        with contextlib.suppress(OSError):
            packed.unlink()
    return done.returncode == 0


def keep(var: Path, cluster: Cluster) -> None:
    """Keep the database that a host has packed, if it did, for the testbeds to come.

    The file appears whole or not at all, also when several testbeds boot at once; without a
    cache folder that can be written to, nothing is kept.
    """
    made = var / accounting.PREPARED
    if not made.exists():
        return
    target = prepared_file(cluster)
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as own:
            Path(shutil.copyfile(made, Path(own) / target.name)).replace(target)
    made.unlink()


def _key(cluster: Cluster) -> str:
    """Name all that decides what the database looks like."""
    about = [accounting.MARIADB_CONF, accounting.services(cluster)]
    for program in ("mariadbd", "slurmdbd"):
        path = shutil.which(program, path=requirements.search_path())
        if path:
            file = Path(path).stat()
            about.append(f"{program} {file.st_size} {file.st_mtime_ns}")
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
