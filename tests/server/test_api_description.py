"""The API does what its description says: schemathesis tries every operation that it names."""

from __future__ import annotations

import threading
import warnings
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from towline.server import Settings, create_app, streams
from towline.server.process.serve import listen

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""Of each operation: as many as its description allows, and as many as it forbids."""


@dataclass(frozen=True)
class Live:
    """A server on a socket, in a thread of this process."""

    app: Any
    url: str
    key: str


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Serve the whole API; streams of events end at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(streams, "_with_heartbeat", _only_the_beginning)
        listening = listen(Settings(port=0))
        port = listening.getsockname()[1]
        app = create_app(Settings(port=port))
        ready = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                ready.set()

        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert ready.wait(30), "the server did not start"
        key = app.state.services.access.local_key.text
        try:
            yield Live(app, f"http://localhost:{port}", key)
        finally:
            server.should_exit = True
            thread.join(30)
            listening.close()
            assert not thread.is_alive()


async def _only_the_beginning(
    _request: Any, events: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    await events.aclose()
    yield b": begins\n\n"


def test_every_operation_answers_as_described(live: Live) -> None:
    """No failure of the server, and no status, media type, header or body that is not declared."""
    schema = schemathesis.openapi.from_dict(live.app.openapi())
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {live.key}"
    wrong: dict[str, str] = {}
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:
            try:
                tried += _try(operation, mode, live.url, session)
            except (FailureGroup, AssertionError) as failures:
                wrong.setdefault(operation.label, str(failures)[:1500])
    assert not wrong, "\n\n".join(f"{label}\n{text}" for label, text in wrong.items())
    assert tried > 100


def _try(operation: Any, mode: Any, url: str, session: requests.Session) -> int:
    """Send some requests that the description allows, or forbids; return how many."""
    sent = 0

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        nonlocal sent
        sent += 1
        answer = case.call(base_url=url, session=session, timeout=20)
        case.validate_response(answer, checks=CHECKS)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check()
        except schemathesis.errors.InvalidSchema:
            raise
        except Exception as error:
            if "Unsatisfiable" in type(error).__name__:
                return sent  # nothing can be forbidden: it takes nothing
            raise
    return sent


def test_the_description_is_openapi_3_1_and_names_errors_in_one_shape(live: Live) -> None:
    """Every status of 400 or more is a problem; every operation says how to sign in."""
    schema = live.app.openapi()
    assert schema["openapi"].startswith("3.1")
    public = {"/healthz", "/api/v1/login"}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert operation.get("description"), where
            assert bool(operation.get("security")) == (path not in public), where
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (where, status)


def test_the_description_is_served_to_those_who_are_signed_in(live: Live) -> None:
    """As JSON and as a page that loads nothing from elsewhere."""
    headers = {"Authorization": f"Bearer {live.key}"}
    with httpx2.Client(base_url=live.url) as client:
        assert client.get("/api/v1/openapi.json").status_code == 401
        assert client.get("/api/v1/openapi.json", headers=headers).json() == live.app.openapi()
        page = client.get("/api/v1/docs", headers=headers)
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "/api/v1/keys" in page.text


def test_the_servers_folder_is_all_that_it_writes(live: Live) -> None:
    """Nothing that a stranger sends makes a file elsewhere below the home."""
    home = live.app.state.services.settings.folder.parent
    assert isinstance(home, Path)
    assert {path.name for path in home.iterdir()} <= {"server", "runs", "workflows", "clusters"}
