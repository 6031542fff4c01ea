"""Solve, or link, in a process of its own: ``python worker.py`` with a job as JSON on stdin.

py-rattler's threads may still let go of Python objects when the interpreter ends, which crashes it;
and the index of a big channel takes much memory, which a script should not keep. So the work is
done here, and the process ends without the interpreter's own end. Answers on stdout, a JSON object
a line: ``progress`` (bytes), at last ``result`` or ``error`` (type and text).
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import rattler
from rattler.channel import ChannelPriority
from rattler.package import BuildString

TELL_SECONDS = 0.25


def say(**answer: Any) -> None:
    """Write an answer."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def solve(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of the packages that fit together."""
    found = await rattler.solve(
        job["channels"],
        [rattler.MatchSpec(text) for text in job["packages"]],
        gateway=rattler.Gateway(cache_dir=job["indexes"]),
        platforms=[rattler.Subdir(job["subdir"]), rattler.Subdir("noarch")],
        virtual_packages=[
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), BuildString(build)
            )
            for name, version, build in job["virtual"]
        ],
        timeout=datetime.timedelta(seconds=job["seconds"]),
        channel_priority=ChannelPriority.Strict,
    )
    return [json.loads(each.to_json()) | {"url": each.url, "fn": each.file_name} for each in found]


async def link(job: dict[str, Any]) -> None:
    """Link packages into a folder, telling how much has been downloaded."""
    counts = Counts()
    work = asyncio.ensure_future(
        rattler.install(
            [record_of(about) for about in job["records"]],
            target_prefix=job["folder"],
            cache_dir=job["packages"],
            platform=rattler.Subdir(job["subdir"]),
            execute_link_scripts=False,
            show_progress=False,
            reporter=counts,
            alternative_target_prefix=job["prefix"],
        )
    )
    while not work.done():
        await asyncio.wait([work], timeout=TELL_SECONDS)
        say(progress=counts.downloaded)
    await work


class Counts:
    """Takes the library's progress, from its threads."""

    def __init__(self) -> None:
        self._bytes: dict[int, int] = {}
        self._downloads = 0

    @property
    def downloaded(self) -> int:
        """Return the bytes of all downloads so far."""
        return sum(list(self._bytes.values()))

    def on_download_start(self, cache_entry: int) -> int:
        """Give a download its number."""
        self._downloads += 1
        return self._downloads

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Note how far a download is."""
        self._bytes[download_idx] = progress

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *told: 0


def record_of(about: dict[str, Any]) -> Any:
    """Return the library's own record of a package, as it was solved."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({name: about[name] for name in about if name not in ("fn", "url")}, file)
        file.flush()
        package = rattler.PackageRecord.from_index_json(
            Path(file.name),
            size=about.get("size"),
            sha256=about.get("sha256"),
            md5=about.get("md5"),
        )
    return rattler.RepoDataRecord(
        package, about["fn"], about["url"], about["url"].rsplit("/", 2)[0]
    )


def main() -> None:
    """Do the job."""
    job = json.load(sys.stdin)
    work = {"solve": solve, "link": link}[job["do"]]
    try:
        say(result=asyncio.run(work(job)))
    except BaseException as error:
        trace = traceback.format_exc() if type(error).__module__ == "builtins" else ""
        say(error=type(error).__name__, text=str(error) or trace)
    os._exit(0)


if __name__ == "__main__":
    main()
