"""What the guard lets through: hosts, origins, headers."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.server import Settings, create_app
from towline.server.access.guard import refuse

HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "hpc.example.org"})


def scope(method: str = "POST", kind: str = "http", **headers: str) -> dict[str, Any]:
    """Return a request; header names with underscores."""
    named = {"host": "localhost:8695", **headers}
    raw = [(key.replace("_", "-").encode(), value.encode()) for key, value in named.items()]
    return {"type": kind, "method": method, "path": "/", "headers": raw}


def code(request: dict[str, Any]) -> str | None:
    refused = refuse(request, HOSTS)
    return None if refused is None else refused.code


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:8695", "[::1]:8695", "HPC.example.org"]
)
def test_own_names_are_answered(host: str) -> None:
    """With any port: the port may be forwarded."""
    assert code(scope("GET", host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.org",
        "localhost.evil.example.org",
        "evil-localhost",
        "localhost@evil.example.org",
        "hpc.example.org.evil.org",
        "",
        "localhost:8695/x",
        "[::1",
        "localhost:notaport",
        "0.0.0.0",  # noqa: S104 - a name, not bound
    ],
)
def test_other_names_are_not(host: str) -> None:
    """A page whose name was made to point here (DNS rebinding) learns nothing.

    CVE-2026-27482 (Ray) had no such check.
    """
    assert code(scope("GET", host=host)) == "wrong-host"


def test_two_hosts_are_none() -> None:
    """What stands between might believe the other."""
    request = scope("GET")
    request["headers"].append((b"host", b"localhost"))
    assert code(request) == "wrong-host"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "QUERY"])
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        pytest.param({"sec_fetch_site": "same-origin"}, True, id="own page"),
        pytest.param({"sec_fetch_site": "none"}, True, id="typed by the user"),
        pytest.param({"sec_fetch_site": "same-site"}, False, id="another port"),
        pytest.param({"sec_fetch_site": "cross-site"}, False, id="another site"),
        pytest.param(
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, False, id="no-cors"
        ),
        pytest.param({"sec_fetch_mode": "no-cors", "origin": "null"}, False, id="null origin"),
        pytest.param(
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False, id="form"
        ),
        pytest.param({"origin": "http://localhost:8695"}, True, id="own origin"),
        pytest.param({"origin": "http://localhost:9000"}, False, id="origin of another port"),
        pytest.param({"origin": "http://evil.example.org"}, False, id="another origin"),
        pytest.param({"origin": "http://["}, False, id="no origin at all"),
        pytest.param({}, True, id="no browser"),
    ],
)
def test_unsafe_methods(method: str, headers: dict[str, str], passes: bool) -> None:
    """Only the server's own pages, and what is no browser, may change anything.

    By default, not by a list of methods: CVE-2026-27482 (Ray: DELETE was forgotten);
    CVE-2026-40864 (JupyterHub: Sec-Fetch-Mode no-cors was taken for same-origin).
    """
    assert code(scope(method, **headers)) == (None if passes else "foreign-origin")


def test_a_link_from_elsewhere_may_be_followed() -> None:
    """It is how people come to a page."""
    followed = scope("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert code(followed) is None


def test_a_foreign_page_may_not_even_read() -> None:
    """A script or image tag elsewhere learns not even how long an answer takes."""
    assert code(scope("GET", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")) is not None


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://localhost:8695", True),
        ("http://localhost:9000", False),
        ("https://evil.example.org", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_websocket_is_opened_by_own_pages_only(origin: str, passes: bool) -> None:
    """Browsers send Origin with each, and no other defence.

    CVE-2023-26114 (code-server: the websocket's Origin was not checked).
    """
    opened = scope("GET", "websocket", origin=origin)
    assert (code(opened) is None) == passes


@pytest.mark.anyio
async def test_a_websocket_nobody_serves_is_refused_before_any_route(server: ServerInTest) -> None:
    """An upgrade skips no check.

    CVE-2024-28179 (jupyter-server-proxy: a websocket upgrade skipped authentication).
    """
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    for path in ("/api/v1/me", "/api/v1/events"):
        request = {**scope("GET", "websocket"), "path": path, "query_string": b"", "app": None}
        request |= {"root_path": "", "scheme": "ws", "subprotocols": [], "asgi": {"version": "3.0"}}
        await server.app(request, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"] * 2


@pytest.mark.anyio
async def test_every_answer_has_the_headers_that_browsers_heed(
    user: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    """Also an answer that refuses."""
    answers = [
        await user.get("/api/v1/me"),
        await nobody.get("/api/v1/me"),
        await nobody.get("/nowhere"),
        await nobody.get("/healthz", headers={"Host": "evil.example.org"}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "no-store" in answer.headers["cache-control"]
        assert "access-control-allow-origin" not in answer.headers


def test_the_api_answers_to_its_public_name_too() -> None:
    """The name comes from --origin."""
    settings = Settings(origins=("https://hpc.example.org",))
    assert "hpc.example.org" in settings.host_names
    assert settings.https
    assert create_app(settings).state.services.address == "https://hpc.example.org"
