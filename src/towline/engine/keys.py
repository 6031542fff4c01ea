"""The CURVE keys that an executor's workers need on the cluster."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path


def pack_keys(certificates: Path) -> bytes:
    """Return a tar archive of the two key files that Parsl's workers read.

    Of the server's key they use only the public half; its secret is replaced and stays here.
    """
    client = (certificates / "client.key_secret").read_text(encoding="utf-8")
    server = (certificates / "server.key_secret").read_text(encoding="utf-8")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in (("client", client), ("server", without_secret(server))):
            entry = tarfile.TarInfo(f"{name}.key_secret")
            entry.mode, entry.size = 0o600, len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def without_secret(key_file: str) -> str:
    """Return a CURVE key file with its secret replaced by zeros of the same length."""
    return re.sub(r'secret-key = ".*"', f'secret-key = "{"0" * 40}"', key_file)
