"""The agent's program as one file: ``wire/`` packed into an archive that Python runs as it is."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PACKAGE = "towline_wire"
MAIN = f"import sys\nfrom {PACKAGE}.main import main\nsys.exit(main())\n"


@dataclass(frozen=True)
class Program:
    """One version of the agent's program.

    Args:
        name: file name with a hash of the content, so that versions never clash.
        content: the archive.

    """

    name: str
    content: bytes


@cache
def agent_program() -> Program:
    """Build the program from this installation's files: the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        for file in sorted(files("towline.link.wire").iterdir(), key=lambda each: each.name):
            if file.name.endswith(".py"):
                _add(archive, f"{PACKAGE}/{file.name}", file.read_bytes())
    content = buffer.getvalue()
    return Program(f"{hashlib.sha256(content).hexdigest()[:20]}.pyz", content)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o600 << 16
    archive.writestr(info, content)
