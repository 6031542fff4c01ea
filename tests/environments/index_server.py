"""A package index of the tests' own, on the loopback: wheels made here, served as PyPI serves."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename


def make_wheel(
    folder: Path,
    name: str,
    release: str = "1.0",
    *,
    files: dict[str, str] | None = None,
    needs: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    commands: dict[str, str] | None = None,
) -> Path:
    """Write a wheel, by default with one module that says its version."""
    module = name.replace("-", "_")
    about = f"{module}-{release}.dist-info"
    lines = "".join(f"Requires-Dist: {line}\n" for line in needs)
    content = {
        **(files if files is not None else {f"{module}.py": f"version = {release!r}\n"}),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n{lines}",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if commands:
        points = "".join(f"{key} = {value}\n" for key, value in commands.items())
        content[f"{about}/entry_points.txt"] = f"[console_scripts]\n{points}"
    path = folder / f"{module}-{release}-{tag}.whl"
    _write(path, {key: text.encode() for key, text in content.items()}, about)
    return path


def wheel_of_installed(folder: Path, name: str, tag: str = "") -> Path:
    """Put an installed package back into a wheel, as it was when it was installed."""
    package = distribution(name)
    said = (package.read_text("WHEEL") or "").splitlines()
    tags = [line[5:] for line in said if line.startswith("Tag: ")]
    content, about = {}, ""
    for file in package.files or ():
        place = str(file)
        if place.endswith((".pyc", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")):
            continue
        head = place.partition("/")[0]
        about = head if head.endswith(".dist-info") else about
        if not place.startswith(".."):
            content[place] = Path(str(file.locate())).read_bytes()
    points = {point.name for point in package.entry_points if point.group == "console_scripts"}
    for file in package.files or ():
        is_script = str(file).startswith("../../../bin/") and file.suffix != ".pyc"
        if is_script and file.name not in points:
            text = Path(str(file.locate())).read_bytes()
            first, _, rest = text.partition(b"\n")
            text = b"#!python\n" + rest if b"python" in first and first[:2] == b"#!" else text
            content[f"{about.removesuffix('.dist-info')}.data/scripts/{file.name}"] = text
    stem = about.removesuffix(".dist-info")
    compressed = tag or "-".join(
        ".".join(sorted({each.split("-")[part] for each in tags})) for part in range(3)
    )
    path = folder / f"{stem}-{compressed}.whl"
    if tag:
        content[f"{about}/WHEEL"] = f"Wheel-Version: 1.0\nTag: {tag}\n".encode()
    _write(path, content, about)
    return path


def needed_by(*names: str) -> set[str]:
    """Return the names of installed packages, with all that they need here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for line in requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name)
    return found


def _write(path: Path, content: dict[str, bytes], about: str) -> None:
    record = [f"{about}/RECORD,,"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for name, data in content.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record.append(f"{name},sha256={digest},{len(data)}")
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.external_attr = (0o755 if ".data/scripts/" in name else 0o644) << 16
            big = len(data) > 10 << 20
            info.compress_type = zipfile.ZIP_STORED if big else zipfile.ZIP_DEFLATED
            wheel.writestr(info, data)
        wheel.writestr(f"{about}/RECORD", "\n".join(record) + "\n")


def stand_in_for_parsl(folder: Path) -> Path:
    """Write a wheel that says it is the script's Parsl and has a worker that can be imported.

    For tests of what comes before a worker: it is built and sent in a moment.
    """
    worker = "parsl/executors/high_throughput/process_worker_pool.py"
    parents = ("parsl/executors", "parsl/executors/high_throughput")
    files = {"parsl/__init__.py": f"__version__ = {version('parsl')!r}\n", worker: ""}
    files |= {f"{parent}/__init__.py": "" for parent in parents}
    return make_wheel(folder, "parsl", version("parsl"), files=files)


@dataclass
class Index:
    """Serves folders of wheels and source archives; asks for a password where it has one."""

    folder: Path
    more: tuple[Path, ...] = ()
    user: str = ""
    password: str = ""
    hashes: bool = True
    signature: str = ""
    """The signed files are given only to who has it in the address's query."""
    signed: tuple[str, ...] = ()
    """Names of such files."""
    asked: list[str] = field(default_factory=list)
    """Paths that were asked for, in order."""
    refused: list[str] = field(default_factory=list)
    """Paths that were asked for without the password."""

    def __enter__(self) -> Index:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The index without its password."""
        return f"http://127.0.0.1:{self.port}/simple"

    @property
    def url_with_password(self) -> str:
        return self.url.replace("://", f"://{self.user}:{self.password}@")

    def page(self, path: str) -> bytes | None:
        """Return what lies at a path; None: nothing."""
        parts = [part for part in path.split("/") if part]
        everything = [f for place in (self.folder, *self.more) for f in sorted(place.iterdir())]
        if parts[:1] == ["files"] and len(parts) == 2:
            return next((f.read_bytes() for f in everything if f.name == parts[1]), None)
        if parts[:1] != ["simple"] or len(parts) != 2:
            return None
        files = [file for file in everything if _name_of(file) == parts[1]]
        links = (f'<a href="/files/{f.name}{self._fragment(f)}">{f.name}</a>' for f in files)
        return "\n".join(["<!DOCTYPE html><html><body>", *links, "</body></html>"]).encode()

    def _fragment(self, file: Path) -> str:
        return f"#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}" if self.hashes else ""


def _name_of(file: Path) -> str:
    if file.suffix == ".whl":
        return str(parse_wheel_filename(file.name)[0])
    return canonicalize_name(file.name.rpartition("-")[0])


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, index: Index, *args: object) -> None:
        self.index = index
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        index = self.index
        login = base64.b64encode(f"{index.user}:{index.password}".encode()).decode()
        if index.password and self.headers.get("Authorization") != f"Basic {login}":
            index.refused.append(self.path)
            self._answer(401, b"", {"WWW-Authenticate": "Basic realm=tests"})
            return
        index.asked.append(self.path)
        path, _, query = self.path.partition("?")
        if path.rpartition("/")[2] in index.signed and query != f"sig={index.signature}":
            self._answer(403, b"", {})
            return
        page = index.page(path)
        kind = "text/html" if self.path.startswith("/simple") else "application/octet-stream"
        self._answer(200 if page is not None else 404, page or b"", {"Content-Type": kind})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
