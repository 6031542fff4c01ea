"""The library that solves and links, and where it keeps what it has downloaded."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from towline import folders
from towline.errors import EnvironmentBuildFailed

INSTALL = "python -m pip install 'towline[conda]'"

_Result = TypeVar("_Result")


def demand_library() -> None:
    """Raise EnvironmentBuildFailed, with the command to install it, when py-rattler is absent."""
    if importlib.util.find_spec("rattler") is None:
        raise EnvironmentBuildFailed(
            "kind conda", "needs py-rattler in the workspace, and it is not installed", INSTALL
        )


def downloads_folder() -> Path:
    """Return the private folder of channels' indexes and packages; created when absent."""
    folder = folders.cache_folder() / "conda"
    # Private: the library notes addresses, tokens included.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def run_apart(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run asynchronous work to its end in a thread of its own: a notebook has a loop already."""
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="conda", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
