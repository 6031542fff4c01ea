"""Link conda packages into a folder of the workspace, for the place where they will lie."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from towline.environments.cluster_side import Report
from towline.environments.conda.channels import (
    Channel,
    hushed,
    with_secrets,
    without_channel_secrets,
)
from towline.environments.conda.rattler import LibraryError, downloads_folder, run_worker
from towline.environments.conda.solver import Record
from towline.errors import EnvironmentBuildFailed

_POST_LINK = re.compile(r"\.(.+)-post-link\.sh")


def link(
    records: Sequence[Record],
    channels: Sequence[Channel],
    subdir: str,
    folder: Path,
    prefix: str,
    report: Report,
    key: str,
) -> None:
    """Download the packages that are not at hand, and link all into a folder.

    Args:
        records: what the environment is made of.
        channels: where they come from, with their secrets.
        subdir: platform of the cluster.
        folder: where to link, on the workspace.
        prefix: where it will lie on the cluster; written into scripts and settings.
        report: takes ``environment`` events: downloading (with done and total bytes), linking.
        key: the environment's, for events.

    Raises:
        EnvironmentBuildFailed: a package cannot be had, or cannot be linked.

    """
    packages = downloads_folder() / "packages"
    missing = sum(
        record.get("size") or 0
        for record in records
        if not (packages / re.sub(r"(\.conda|\.tar\.bz2)$", "", record["fn"])).exists()
    )

    def tell(done: int) -> None:
        if done < missing:
            report("environment", state="downloading", key=key, done=done, total=missing)
        else:
            report("environment", state="linking", key=key)

    job = {
        "do": "link",
        "records": [r | {"url": with_secrets(r["url"], channels)} for r in records],
        "subdir": subdir,
        "folder": str(folder),
        "prefix": prefix,
        "packages": str(packages),
    }
    tell(0)
    try:
        run_worker(job, tell)
    except LibraryError as error:
        raise EnvironmentBuildFailed(
            "kind conda",
            f"a package cannot be had or linked: {hushed(str(error), channels)}",
            "check the way to the channels; lock anew when a channel has dropped the package",
        ) from None
    _hide_workspace(folder)


def post_link_scripts(folder: Path) -> list[str]:
    """Return the packages that would have run a script when they were linked; none is run."""
    found = (_POST_LINK.fullmatch(path.name) for path in (folder / "bin").glob(".*-post-link.sh"))
    return sorted(match[1] for match in found if match)


def _hide_workspace(folder: Path) -> None:
    """Take tokens and paths of the workspace out of the notes that the library leaves."""
    for path in (folder / "conda-meta").glob("*.json"):
        about = json.loads(path.read_text(encoding="utf-8"))
        for name in ("url", "channel"):
            about[name] = without_channel_secrets(str(about.get(name) or ""))
        for name in ("extracted_package_dir", "package_tarball_full_path", "link"):
            about.pop(name, None)
        path.unlink()  # it may be a second name of a file of the cache
        path.write_text(json.dumps(about, indent=1), encoding="utf-8")
