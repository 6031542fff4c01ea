"""The library that solves and links, and where it keeps what it has downloaded."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from towline import folders
from towline.errors import EnvironmentBuildFailed

INSTALL = "python -m pip install 'towline[conda]'"


class LibraryError(Exception):
    """The library's own error; `kind` is the name of its type."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


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


def run_worker(job: dict[str, Any], progress: Callable[[int], None] = lambda done: None) -> Any:
    """Have a job done in a process of its own, and return its result; see `worker.py`.

    Args:
        job: goes by stdin, as it may hold secrets.
        progress: takes the bytes downloaded so far.

    Raises:
        LibraryError: the library said no, or its process died.

    """
    program = str(Path(__file__).with_name("worker.py"))
    # By path and isolated: nothing of the user's folder, and nothing of ours, is imported.
    process = subprocess.Popen(
        [sys.executable, "-s", "-P", program]
        if sys.version_info >= (3, 11)
        else [sys.executable, "-s", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONSTARTUP"},
    )
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - all are pipes
    words: list[str] = []
    listener = threading.Thread(target=lambda: words.extend(process.stderr or ()), daemon=True)
    listener.start()
    answer: dict[str, Any] = {}
    try:
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        for line in process.stdout:
            answer = json.loads(line)
            if "progress" in answer:
                progress(answer["progress"])
    except BrokenPipeError:
        pass  # it died; its last words follow
    finally:
        if "result" not in answer and "error" not in answer:
            process.kill()
        process.wait()
        listener.join()
        for side in (process.stdout, process.stderr):
            side.close()
    if "result" in answer:
        return answer["result"]
    last = "".join(words).strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
    raise LibraryError(answer.get("error", "died"), answer.get("text", last[0]))
