"""Link conda packages into a folder of the workspace, for the place where they will lie."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from towline.environments.cluster_side import Report
from towline.environments.conda.channels import Channel, hushed, with_secrets
from towline.environments.conda.library import downloads_folder, run_apart
from towline.environments.conda.solver import Record
from towline.errors import EnvironmentBuildFailed

_TELL_SECONDS = 0.25
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
    from rattler.exceptions import IoError, LinkError  # noqa: F401 - loads the error types

    try:
        run_apart(lambda: _link(records, channels, subdir, folder, prefix, report, key))
    except Exception as error:  # the library has an error type for each of its parts
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


async def _link(
    records: Sequence[Record],
    channels: Sequence[Channel],
    subdir: str,
    folder: Path,
    prefix: str,
    report: Report,
    key: str,
) -> None:
    import rattler

    packages = downloads_folder() / "packages"
    missing = sum(
        record.get("size") or 0
        for record in records
        if not (packages / re.sub(r"(\.conda|\.tar\.bz2)$", "", record["fn"])).exists()
    )
    counts = _Counts()
    work = asyncio.ensure_future(
        rattler.install(
            [_rattlers(record, channels) for record in records],
            target_prefix=folder,
            cache_dir=packages,
            platform=rattler.Subdir(subdir),
            execute_link_scripts=False,
            show_progress=False,
            reporter=counts,
            alternative_target_prefix=prefix,
        )
    )
    while not work.done():
        await asyncio.wait([work], timeout=_TELL_SECONDS)
        done = counts.downloaded
        if missing and done < missing:
            report("environment", state="downloading", key=key, done=done, total=missing)
        else:
            report("environment", state="linking", key=key)
    await work


class _Counts:
    """Takes the library's progress, from its threads."""

    def __init__(self) -> None:
        self._bytes: dict[int, int] = {}
        self._downloads = 0

    @property
    def downloaded(self) -> int:
        return sum(list(self._bytes.values()))

    def on_download_start(self, cache_entry: int) -> int:
        self._downloads += 1
        return self._downloads

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        self._bytes[download_idx] = progress

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *told: 0


def _rattlers(record: Record, channels: Sequence[Channel]) -> Any:
    """Return the library's own record of a package, as it was solved."""
    import rattler

    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({name: record[name] for name in record if name not in ("fn", "url")}, file)
        file.flush()
        package = rattler.PackageRecord.from_index_json(
            Path(file.name),
            size=record.get("size"),
            sha256=record.get("sha256"),
            md5=record.get("md5"),
        )
    url = with_secrets(record["url"], channels)
    return rattler.RepoDataRecord(package, record["fn"], url, url.rsplit("/", 2)[0])


def _hide_workspace(folder: Path) -> None:
    """Take tokens and paths of the workspace out of the notes that the library leaves."""
    from towline.environments.conda.channels import without_channel_secrets

    for path in (folder / "conda-meta").glob("*.json"):
        about = json.loads(path.read_text(encoding="utf-8"))
        for name in ("url", "channel"):
            about[name] = without_channel_secrets(str(about.get(name) or ""))
        for name in ("extracted_package_dir", "package_tarball_full_path", "link"):
            about.pop(name, None)
        path.unlink()  # it may be a second name of a file of the cache
        path.write_text(json.dumps(about, indent=1), encoding="utf-8")
