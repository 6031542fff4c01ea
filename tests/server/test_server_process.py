"""The server as a process: up, found, refused twice, killed, down."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from towline.cli.main import main
from towline.runs.process import ProcessIdentity, start_mark
from towline.server import Settings
from towline.server.process.record import ServerRecord
from towline.server.process.serve import listen


class Home:
    """A folder of Towline's own, and what is run on it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        patch.setenv("TOWLINE_HOME", str(folder))
        for name in ("TOWLINE_SERVER", "TOWLINE_API_KEY"):
            patch.delenv(name, raising=False)

    @property
    def server_folder(self) -> Path:
        return self.folder / "state" / "server"

    def run(self, *words: str, code: int = 0, stdin: str = "") -> str:
        """Run a command, in this process, and return what it printed; its exit code is checked."""
        self._patch.setattr(sys, "argv", ["towline", *words])
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        out, err = io.StringIO(), io.StringIO()
        ended = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                ended = end.code if isinstance(end.code, int) else int(bool(end.code))
        assert ended == code, (words, ended, out.getvalue(), err.getvalue())
        return out.getvalue() if code == 0 else out.getvalue() + err.getvalue()

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code))

    def client(self) -> httpx2.Client:
        """Return a client of the server that runs here."""
        record = json.loads((self.server_folder / "server.json").read_text())
        key = (self.server_folder / "local.key").read_text()
        return httpx2.Client(
            base_url=record["url"], headers={"Authorization": f"Bearer {key}"}, timeout=20
        )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Return a home; a server that a test leaves is ended."""
    made = Home(tmp_path / "home", monkeypatch)
    yield made
    made.run("down")


def gone(pid: int) -> bool:
    """Wait until a process is no more."""
    deadline = time.monotonic() + 20
    while start_mark(pid) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_from_up_to_down(home: Home) -> None:
    """Each command says what there is; a second server on the same data is refused in words.

    An open stream does not hold the end; nothing is left but data and log.
    """
    assert home.json("status", code=1) == {"running": False}
    assert "no server" in home.run("down")
    first = home.json("up")
    assert not first["was_running"]
    assert os.getsid(first["pid"]) == first["pid"]  # it is detached from this terminal
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("TOWLINE_SERVER", "http://localhost:1")  # it is about this machine's own
        again = home.json("up")
    assert (again["was_running"], again["pid"]) == (True, first["pid"])
    assert again["login_url"] != first["login_url"]
    seen = home.json("status")
    assert (seen["pid"], seen["answers"]) == (first["pid"], True)
    with httpx2.Client() as browser:
        assert browser.get(first["login_url"]).status_code == 303
        assert browser.get(f"{first['url']}/api/v1/me").status_code == 200
    refused = home.run("server", "--port", "0", code=8)
    assert "another one works on this data" in refused
    assert str(first["pid"]) in refused
    assert home.json("status")["answers"]
    with home.client() as client, client.stream("GET", "/api/v1/events") as stream:
        assert next(stream.iter_raw()).startswith(b": begins")
        ended = home.json("down")
    assert ended == {"ended": True, "killed": False, "pid": first["pid"]}
    assert gone(first["pid"])
    left = {path.name for path in home.server_folder.iterdir()}
    assert left <= {"towline.db", "server.lock", "server.log", "uploads"}


def test_a_killed_server_leaves_runs_alone_and_is_started_again(home: Home) -> None:
    """With kill -9: what runs goes on to its end, and the next server finds it."""
    first = home.json("up")
    script = home.folder / "script.py"
    flag = home.folder / "go"
    script.write_text(
        "import pathlib, time\n"
        f"while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.05)\n"
        "print('done')\n"
    )
    number = home.json("run", "-d", str(script))["run"]
    os.kill(first["pid"], signal.SIGKILL)
    assert gone(first["pid"])
    assert home.json("status", code=1) == {"running": False}
    second = home.json("up")
    assert second["pid"] != first["pid"]
    with home.client() as client:
        assert client.get(f"/api/v1/runs/{number}").json()["state"] in ("starting", "running")
        flag.touch()
        deadline = time.monotonic() + 30
        while (state := client.get(f"/api/v1/runs/{number}").json()["state"]) != "succeeded":
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        log = client.get(f"/api/v1/runs/{number}/log?stream=stdout")
    assert log.text == "done\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "there is no TLS"),  # noqa: S104 - refused
        (["--host", "0.0.0.0", "--behind-proxy"], "--origin"),  # noqa: S104 - refused
        (
            ["--host", "0.0.0.0", "--behind-proxy", "--origin", "https://h.example.org"],  # noqa: S104
            "no user has a password or a key",
        ),
        (["--tls-cert", "x.pem"], "give both"),
        (["--origin", "hpc.example.org"], "is not an origin"),
        (["--database", "mysql://h/d"], "not supported"),
        (["--database", "postgresql://u:secret@h/d"], "~/.pgpass"),
    ],
)
def test_a_server_that_would_be_open_or_cannot_work_is_refused(
    home: Home, options: list[str], words: str
) -> None:
    """Before it listens anywhere, with what is missing.

    CVE-2026-55171 (Open OnDemand: a predictable secret by default): there is no default to log in
    with, so a server without users is refused.
    """
    told = home.run("server", *options, code=2)
    assert words in told
    assert "secret" not in told


def test_users_open_the_way_to_a_shared_server(home: Home) -> None:
    """With an account that has a password, and a proxy in front, it listens for others."""
    home.run("user", "add", "ann", "--role", "admin", "--password", stdin="a long password\n")
    origin = "https://hpc.example.org"
    up = home.json(
        *("up", "--port", "0", "--host", "0.0.0.0", "--behind-proxy", "--origin", origin)  # noqa: S104
    )
    assert up["login_url"].startswith(f"{origin}/login?token=")
    port = up["url"].rpartition(":")[2]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as proxy:
        body = {"user": "ann", "password": "a long password"}
        headers = {"Host": "hpc.example.org", "Origin": origin, "X-Forwarded-Proto": "https"}
        answer = proxy.post("/api/v1/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["set-cookie"].startswith("__Host-towline=")
    assert answer.headers["strict-transport-security"]


def test_tls_of_its_own(home: Home) -> None:
    """With a certificate it speaks https, and nothing else on that port."""
    home.folder.mkdir()
    cert, key = home.folder / "cert.pem", home.folder / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    curve = "ec_paramgen_curve:prime256v1"
    words = ["-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", str(key), "-out", str(cert)]
    words += ["-days", "2", "-subj", "/CN=localhost", "-addext", names]
    subprocess.run(["openssl", "req", "-x509", *words], check=True, capture_output=True)
    up = home.json("up", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))
    assert up["url"].startswith("https://localhost:")
    trusted = ssl.create_default_context(cafile=str(cert))
    with httpx2.Client(verify=trusted) as client:
        answer = client.get(f"{up['url']}/healthz")
    assert answer.status_code == 200
    assert "strict-transport-security" in answer.headers
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"{up['url']}/healthz".replace("https", "http"))


def test_a_head_without_end_does_not_fill_the_memory(home: Home) -> None:
    """Nobody has been asked who is calling while headers come; a long body is another matter."""
    url = home.json("up", "--port", "0")["url"]
    host, port = "127.0.0.1", int(url.rpartition(":")[2])
    with socket.create_connection((host, port), timeout=20) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 16 << 20:
                sent += endless.send(b"x" * 65536)
        assert sent < 16 << 20
    with home.client() as client:
        for _ in range(2):  # on one connection
            upload = client.post("/api/v1/uploads", files={"file": ("a.bin", b"x" * 3_000_000)})
            assert upload.status_code == 201, upload.text


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_another_address_of_this_machine(home: Home, host: str) -> None:
    """The command line asks there, and not at 127.0.0.1, where somebody else may listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine does not have the address {host}")
    home.json("up", "--port", "0", "--host", host)
    assert home.json("status")["answers"]


def test_a_port_that_is_taken(home: Home) -> None:
    """Given on purpose it is an error; the usual one gives way to any that is free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "choose another with --port" in home.run("server", "--port", port, code=2)
        free = listen(Settings(port=int(port), any_port=True))
        assert free.getsockname()[1] not in (0, int(port))
        free.close()


def test_the_port_of_a_killed_server_comes_first() -> None:
    """Pages that are still open look for it there; one that is taken by now gives way."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://localhost:{port}"
    killed = ServerRecord(ProcessIdentity.own(), address, address, 0.0, "1")
    with listen(Settings(port=0, any_port=True), killed) as first:
        assert first.getsockname()[1] == port
        with listen(Settings(port=0, any_port=True), killed) as second:
            assert second.getsockname()[1] not in (0, port)


def test_a_server_that_cannot_start_says_why(home: Home) -> None:
    """`up` shows its words, not a log to read."""
    home.run("user", "list")  # makes the database
    with sqlite3.connect(home.server_folder / "towline.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "written by a newer Towline" in home.run("up", code=8)


def test_a_server_on_another_machine_is_named_with_the_way_out(home: Home) -> None:
    """Login nodes share a home: what runs on one cannot be seen or ended from the next."""
    home.json("up", "--port", "0")
    record = home.server_folder / "server.json"
    facts = json.loads(record.read_text())
    here = dict(facts["process"])
    facts["process"]["host"] = "login2"  # a stand-in for the other machine
    record.write_text(json.dumps(facts))
    for words in (("up",), ("down",), ("server", "--port", "0")):
        said = home.run(*words, code=8)
        assert "it runs on login2" in said
        assert f"rm {record}" in said
    facts["process"] = here
    record.write_text(json.dumps(facts))


def test_a_server_that_has_lost_its_file_is_named_by_its_lock(home: Home) -> None:
    """Whoever cleans the folder gets the process that is in the way, not a riddle."""
    up = home.json("up", "--port", "0")
    record = home.server_folder / "server.json"
    kept = record.read_text()
    record.unlink()
    try:
        assert f"pid {up['pid']} on " in home.run("up", code=8)
    finally:
        record.write_text(kept)


def test_settings_in_a_file_hold_for_each_start(home: Home) -> None:
    """And a key that is misspelt is said at once."""
    file = home.folder / "config" / "server.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("port: 0\norigins: https://hpc.example.org\nbehind_proxy: true\n")
    assert home.json("up")["address"] == "https://hpc.example.org"
    home.run("down")
    file.write_text("prot: 1\n")
    assert "did you mean port?" in home.run("up", code=2)
    file.write_text("port: many\n")
    assert "port must be a int" in home.run("up", code=2)


def test_server_and_client_do_not_import_parsl(home: Home) -> None:
    """It is what keeps a server small; only runs need it."""
    code = """
import asyncio, sys
from towline.server import Settings, create_app
import towline.client
async def live():
    app = create_app(Settings())
    async with app.router.lifespan_context(app):
        pass
asyncio.run(live())
print(sorted(name for name in sys.modules if name.partition('.')[0] in ('parsl', 'zmq', 'rich')))
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
