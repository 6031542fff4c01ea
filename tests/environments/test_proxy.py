"""The proxy leads to few places, asks for its password, and is gone when it is closed."""

from __future__ import annotations

import base64
import http.client
import socket
from contextlib import suppress

import pytest

from towline.environments.transports.proxy import USER, Place, Proxy, places_of


@pytest.fixture
def refused():
    return []


@pytest.fixture
def proxy(index, refused):
    """Return a proxy that leads to the test's index and nowhere else."""
    with Proxy(places_of([index.url]), refused.append) as serving:
        yield serving


def login(proxy: Proxy, password: str | None = None) -> dict[str, str]:
    words = f"{USER}:{proxy.password if password is None else password}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(words).decode()}"}


def ask(proxy: Proxy, target: str, headers: dict[str, str], method: str = "GET"):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def tunnel(proxy: Proxy, place: str, headers: dict[str, str]) -> tuple[str, socket.socket]:
    way = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    way.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{lines}\r\n".encode())
    return way.recv(4096).decode().split("\r\n")[0], way


def test_who_knows_the_password_gets_to_the_allowed_place(proxy, index):
    status, page = ask(proxy, f"{index.url}/parsl/", login(proxy))
    assert status == 200
    assert b"parsl-" in page


def test_a_tunnel_carries_bytes_both_ways(proxy, index):
    status, way = tunnel(proxy, f"127.0.0.1:{index.port}", login(proxy))
    assert status == "HTTP/1.1 200 Connection established"
    way.sendall(b"GET /simple/parsl/ HTTP/1.0\r\n\r\n")
    answer = b""
    while more := way.recv(65536):
        answer += more
    assert b"parsl-" in answer


@pytest.mark.parametrize("password", ["", "wrong", "x" * 32])
def test_without_the_password_nothing_is_given(proxy, index, password):
    status, page = ask(proxy, f"{index.url}/parsl/", login(proxy, password))
    assert (status, page) == (407, b"")
    assert ask(proxy, f"{index.url}/parsl/", {})[0] == 407
    assert tunnel(proxy, f"127.0.0.1:{index.port}", {})[0].startswith("HTTP/1.1 407")
    assert index.asked == []


def test_other_places_are_refused_and_told(proxy, index, refused):
    assert ask(proxy, "http://example.org/", login(proxy))[0] == 403
    assert tunnel(proxy, "example.org:443", login(proxy))[0] == "HTTP/1.1 403 Forbidden"
    assert tunnel(proxy, "127.0.0.1:22", login(proxy))[0] == "HTTP/1.1 403 Forbidden"
    assert refused == [Place("example.org", 80), Place("example.org", 443), Place("127.0.0.1", 22)]


def test_the_password_goes_no_further_than_the_proxy(proxy, refused):
    """The server behind it sees a request as from a client without a proxy, and only one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Proxy(frozenset({Place("127.0.0.1", port)}), refused.append) as leading:
            client = http.client.HTTPConnection("127.0.0.1", leading.port, timeout=10)
            client.request("GET", f"http://127.0.0.1:{port}/a?b=c", headers=login(leading))
            seen, _ = server.accept()
            text = seen.recv(65536).decode()
            seen.close()
    assert text.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert "Proxy-Authorization" not in text
    assert "Connection: close" in text


def test_a_place_that_is_down_is_told_to_the_client(refused):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Proxy(frozenset({Place("127.0.0.1", port)}), refused.append) as proxy:
        assert ask(proxy, f"http://127.0.0.1:{port}/", login(proxy))[0] == 502


@pytest.mark.parametrize("words", [b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_what_is_no_request_to_a_proxy_gets_nothing(proxy, words):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as way:
        way.sendall(words)
        way.shutdown(socket.SHUT_WR)
        answer = way.recv(65536)
    assert answer == b"" or b"407" in answer


def test_when_it_closes_open_tunnels_end_and_nobody_listens(index, refused):
    with Proxy(places_of([index.url]), refused.append) as proxy:
        _, way = tunnel(proxy, f"127.0.0.1:{index.port}", login(proxy))
        port = proxy.port
    with suppress(ConnectionResetError):
        assert way.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_each_proxy_has_a_password_of_its_own_that_is_not_shown():
    first, second = (Proxy(frozenset(), lambda _: None) for _ in range(2))
    assert first.password != second.password
    assert len(first.password) >= 32
    assert first.password not in repr(first)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Files.Example.org/a.whl", Place("files.example.org", 443)),
        ("http://host/simple", Place("host", 80)),
        ("https://host:8443/simple", Place("host", 8443)),
    ],
)
def test_a_place_is_a_host_and_its_port(url, place):
    assert places_of([url]) == {place}


def test_what_lies_on_the_workspace_is_no_place():
    assert places_of(["file:///wheels/a.whl"]) == frozenset()
