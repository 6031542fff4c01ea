"""A server of its own for a benchmark, and a client that costs little beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVE = """
import asyncio, sys, uvicorn
from pathlib import Path
from towline.server.app import create_app
from towline.server.settings import Settings
app = create_app(Settings(port=int(sys.argv[1])))
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        Path(sys.argv[2]).write_text(app.state.services.access.local_key.text)
Server(uvicorn.Config(app, port=int(sys.argv[1]), log_level="error", access_log=False)).run()
"""
"""As `towline server` runs it, without its lock and log."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Served:
    """A server that answers; ``ready`` and ``ready_cpu``: after how many seconds, also of CPU."""

    port: int
    key: str
    process: subprocess.Popen[bytes]
    ready: float
    ready_cpu: float = 0.0

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return the server's resident memory, in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """Set a TOWLINE_HOME of its own."""
    with tempfile.TemporaryDirectory(prefix="towline-bench-") as folder:
        os.environ |= {"TOWLINE_HOME": folder, "TOWLINE_RUNTIME_DIR": folder}
        yield Path(folder)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Start a server on the home at hand; end it with SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key_file = folder / f"key-{port}"
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(port), str(key_file)])
    try:
        while not (key_file.exists() and (key := key_file.read_text())):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise SystemExit("the server did not start")
            time.sleep(0.005)
        at = Served(port, key, process, time.perf_counter() - began)
        at.ready_cpu = at.cpu_seconds()
        yield at
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


class Connection:
    """One kept-alive HTTP/1.1 connection that reads whole answers and little else."""

    def __init__(self, served_at: Served) -> None:
        self._served = served_at
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> None:
        """Connect."""
        host, port = "127.0.0.1", self._served.port
        self._reader, self._writer = await asyncio.open_connection(host, port, limit=1 << 20)

    async def ask(
        self, path: str, method: str = "GET", body: object = None, headers: Sequence[str] = ()
    ) -> tuple[int, bytes]:
        """Return status and body of one answer."""
        self.send(path, method, body, headers)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if status == 204:
            return status, b""
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at : head.index(b"\r\n", at)])
        return status, await self._reader.readexactly(length)

    def send(
        self, path: str, method: str = "GET", body: object = None, headers: Sequence[str] = ()
    ) -> None:
        """Send a request without waiting for its answer."""
        data = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} /api/v1{path} HTTP/1.1",
            f"Host: 127.0.0.1:{self._served.port}",
            f"Authorization: Bearer {self._served.key}",
            *headers,
        ]
        if data:
            lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def until(self, text: bytes) -> bytes:
        """Return what comes up to and with a text; for streams."""
        return await self._reader.readuntil(text)

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()
