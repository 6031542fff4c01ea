"""The API does what its description says: schemathesis tries every operation that it names."""

from __future__ import annotations

import io
import threading
import warnings
import zipfile
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

from towline.folders import state_folder
from towline.runs import RunFolder
from towline.server import Settings, create_app, streams
from towline.server.process.serve import listen

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 2
"""Of each operation: as many as its description allows, and as many as it forbids."""


@dataclass(frozen=True)
class Live:
    """A server on a socket, in a thread of this process; with one object of each kind.

    ``existing`` maps how a path begins to the parameter that names the object, and its name.
    """

    app: Any
    url: str
    key: str
    existing: dict[str, dict[str, Any]]


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
            url = f"http://localhost:{port}"
            yield Live(app, url, key, _objects(url, key))
        finally:
            server.should_exit = True
            thread.join(30)
            listening.close()
            assert not thread.is_alive()


def _objects(url: str, key: str) -> dict[str, dict[str, Any]]:
    """Make one object of each kind, so that paths to them lead somewhere."""
    script = state_folder() / "script.py"
    script.write_text("")
    run = RunFolder.create(script)
    run.stdout_log.write_text("said\n")
    run.events.append("ended", state="succeeded", exit_code=0, seconds=0.1, leftovers=[])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.sh", "true\n")
        archive.writestr(
            "workflow.yaml",
            "title: Made\nrun: [sh, main.sh]\ninputs: {size: {type: integer, default: 1}}\n",
        )
    with httpx2.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}) as api:
        files = {"archive": ("made.zip", packed.getvalue())}
        for answer in (
            api.post("/clusters", json={"name": "made", "type": "local"}),
            api.post("/workflows", params={"name": "made"}, files=files),
            api.post("/users", json={"name": "made"}),
        ):
            assert answer.status_code == 201, answer.text
    script.unlink()
    return {
        "/api/v1/runs/": {"number": run.number},
        "/api/v1/clusters/": {"name": "made"},
        "/api/v1/workflows/": {"name": "made"},
        "/api/v1/users/": {"name": "made"},
        "/api/v1/cluster-types/": {"key": "slurm"},
        "/api/resources/": {"name": "made"},
    }


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
                tried += _try(operation, mode, live, session)
            except (FailureGroup, AssertionError) as failures:
                wrong.setdefault(operation.label, str(failures)[:1500])
    assert not wrong, "\n\n".join(f"{label}\n{text}" for label, text in wrong.items())
    assert tried > 100


def _try(operation: Any, mode: Any, live: Live, session: requests.Session) -> int:
    """Send some requests that the description allows, or forbids; return how many.

    Every other one is about an object that is there.
    """
    begins = (start for start in live.existing if operation.path.startswith(start))
    names = live.existing.get(next(begins, ""), {}) if operation.method != "delete" else {}
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
        if sent % 2:
            there = {name: value for name, value in names.items() if name in case.path_parameters}
            case.path_parameters.update(there)
        answer = case.call(base_url=live.url, session=session, timeout=20)
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
