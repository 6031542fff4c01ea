#!/usr/bin/env python3
"""Write the client's synchronous twin, ``client/_sync``, from ``client/_async``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "src" / "towline" / "client"

WORDS = {
    r"async (def|with|for)\b": r"\1",
    r"\bawait ": "",
    r"\(\((self\._client\._do\(steps\))\)\.name": r"(\1.name",
    r"\bAsyncClient\b": "Client",
    r"\bAsyncTransport\b": "SyncTransport",
    r"\bhttpx2\.AsyncBaseTransport\b": "httpx2.BaseTransport",
    r"\bAsyncIterator\b": "Iterator",
    r"\basynccontextmanager\b": "contextmanager",
    r"\b_async\b": "_sync",
    r"\bAsyncCollection\b": "SyncCollection",
    r"\b__aiter__\b": "__iter__",
    r"\b__aenter__\b": "__enter__",
    r"\b__aexit__\b": "__exit__",
    r"\b(httpx2\.)Async(BaseTransport)": r"\1\2",
    r"\ba(iter_bytes|read|close)\b": r"\1",
    r"\banyio\b": "time",
    "for programs with an event loop": "that waits for its answers",
    "from a program with an event loop": "from a script, a notebook or the command line",
}
"""What to replace, in this order."""


def sync_twin(text: str) -> str:
    """Return the synchronous form of a module."""
    for pattern, replacement in WORDS.items():
        text = re.sub(pattern, replacement, text)
    return text


def main() -> None:
    """Write all modules, and let ruff put imports and lines in order."""
    folder = CLIENT / "_sync"
    folder.mkdir(exist_ok=True)
    for path in sorted((CLIENT / "_async").glob("*.py")):
        (folder / path.name).write_text(sync_twin(path.read_text()))
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run([ruff, "check", "-q", "--fix", "--select", "I,RET,UP", folder], check=False)
    subprocess.run([ruff, "format", "-q", folder], check=True)


if __name__ == "__main__":
    main()
