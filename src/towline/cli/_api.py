"""Calls to the API: of a server, or, where none runs, of this machine's own data without one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from towline.errors import ServerUnreachable

if TYPE_CHECKING:
    import httpx2

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="TOWLINE_SERVER",
        metavar="URL",
        help="Server to ask; its key is in TOWLINE_API_KEY. Default: this machine's own.",
        show_default=False,
    ),
]


class Api(Protocol):
    """Sends one request below ``/api/v1`` and returns the answer's data."""

    def __call__(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the data; None for an answer without any."""


@contextmanager
def api(server: str | None) -> Iterator[Api]:
    """Yield the way to the API: over HTTP, or in this process while no server runs.

    Raises:
        ServerUnreachable: the server does not answer.

    """
    from towline.server.process import running_server
    from towline.server.settings import server_folder

    if server or running_server(server_folder()):
        with _over_http(server) as call:
            yield call
    else:
        with _in_this_process() as call:
            yield call


def every(call: Api, path: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return a list whole, page after page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = call("GET", path, query={**(query or {}), "limit": 200, "cursor": cursor})
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@contextmanager
def _over_http(server: str | None) -> Iterator[Api]:
    import httpx2

    from towline.client.core.address import find_server, local_server
    from towline.client.core.http import mounts_of

    # Where none was named it is this machine's own, whatever the environment says.
    address = find_server(server) if server else local_server()
    if address is None:
        raise ServerUnreachable("server", "it has just ended", "towline status; towline up")
    headers = {"Authorization": f"Bearer {address.api_key}"}
    with httpx2.Client(
        base_url=address.url, headers=headers, timeout=30, mounts=mounts_of(address)
    ) as client:

        def call(
            method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
        ) -> Any:
            try:
                answer = client.request(method, _path(path), json=body, params=_given(query))
            except httpx2.HTTPError as error:
                raise ServerUnreachable(
                    f"server {address.url}", str(error), "towline status; towline up"
                ) from error
            return _data(method, path, answer, address.url)

        yield call


@contextmanager
def _in_this_process() -> Iterator[Api]:
    """Run the application without a socket, and without what watches clusters and runs."""
    import httpx2
    from anyio.from_thread import start_blocking_portal

    from towline.server.app import create_app
    from towline.server.process.lock import only_server
    from towline.server.process.settings_file import read_settings

    settings = read_settings()
    with ExitStack() as stack:
        stack.enter_context(only_server(settings.folder))
        app = create_app(settings, parts=())
        portal = stack.enter_context(start_blocking_portal())
        stack.enter_context(portal.wrap_async_context_manager(app.router.lifespan_context(app)))
        key = app.state.services.access.local_key.text
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url=f"http://localhost:{settings.port}",
            headers={"Authorization": f"Bearer {key}"},
        )
        stack.callback(portal.call, client.aclose)

        def call(
            method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
        ) -> Any:
            async def send() -> httpx2.Response:
                return await client.request(method, _path(path), json=body, params=_given(query))

            return _data(method, path, portal.call(send), os.fspath(settings.folder))

        yield call


def _path(path: str) -> str:
    return f"/api/v1{path}"


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _data(method: str, path: str, answer: httpx2.Response, server: str) -> Any:
    from towline.client.core.calls import Answer, Call
    from towline.client.core.problems import error_of

    if answer.status_code >= 400:
        plain = Answer(answer.status_code, {}, answer.content)
        raise error_of(Call(method, path), plain, server)
    return answer.json() if answer.content else None
