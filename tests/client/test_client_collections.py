"""`for … in client.runs`, `in`, `len`: they end, or are refused in words."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx2
import pytest

from towline import Client
from towline.client import AsyncClient

KEY = "tl_test_" + "x" * 43
RUNS = range(5, 0, -1)


def answer(request: httpx2.Request) -> httpx2.Response:
    """A stand-in for a server with three clusters and workflows, and five runs in pages of two."""
    path, query = request.url.path.removeprefix("/api/v1"), request.url.params
    if path == "/runs":
        begin = int(query.get("cursor") or 0)
        items: list[dict[str, Any]] = [{"number": n} for n in RUNS[begin : begin + 2]]
        after = str(begin + 2) if begin + 2 < len(RUNS) else None
        return reply(200, {"items": items, "next_cursor": after})
    if path in ("/clusters", "/workflows"):
        return reply(200, {"items": [{"name": name} for name in "abc"], "next_cursor": None})
    kind, _, name = path.removeprefix("/").partition("/")
    if kind == "runs" and name.isdecimal() and int(name) in RUNS:
        return reply(200, {"number": int(name)})
    if kind != "runs" and name in "abc":
        return reply(200, {"name": name})
    return reply(404, {"code": f"{kind.removesuffix('s')}-not-found", "cause": "not there"})


def reply(status: int, body: dict[str, Any]) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps(body).encode())


@pytest.fixture
def client() -> Client:
    return Client("http://localhost:1", KEY, transport=httpx2.MockTransport(answer))


@pytest.fixture
def waiting() -> AsyncClient:
    return AsyncClient("http://localhost:1", KEY, transport=httpx2.MockTransport(answer))


def test_a_loop_over_a_collection_ends(client: Client) -> None:
    def some(collection: Any) -> list[Any]:
        return list(itertools.islice(collection, 10))

    assert [each.name for each in some(client.clusters)] == ["a", "b", "c"]
    assert [each.name for each in some(client.workflows)] == ["a", "b", "c"]
    assert [each.number for each in some(client.runs)] == [5, 4, 3, 2, 1]


def test_a_loop_over_runs_asks_for_no_more_pages_than_it_needs() -> None:
    asked = []

    def count(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return answer(request)

    client = Client("http://localhost:1", KEY, transport=httpx2.MockTransport(count))

    assert next(iter(client.runs)).number == 5
    assert len(asked) == 1


def test_in_asks_the_server(client: Client) -> None:
    assert "a" in client.clusters
    assert "z" not in client.clusters
    assert "a" in client.workflows
    assert "z" not in client.workflows
    assert 3 in client.runs
    assert 99 not in client.runs
    assert client.runs[3] in client.runs
    assert None not in client.runs


@pytest.mark.anyio
async def test_the_twin_is_iterated_with_async_for(waiting: AsyncClient) -> None:
    assert [each.name async for each in waiting.clusters] == ["a", "b", "c"]
    assert [each.name async for each in waiting.workflows] == ["a", "b", "c"]
    assert [each.number async for each in waiting.runs] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("name", ["clusters", "workflows", "runs"])
def test_what_the_twin_cannot_do_is_said_at_once(waiting: AsyncClient, name: str) -> None:
    collection = getattr(waiting, name)

    with pytest.raises(TypeError, match=f"async for … in client.{name}"):
        iter(collection)
    with pytest.raises(TypeError, match=rf"await client.{name}\[…\].info"):
        assert "a" in collection


@pytest.mark.parametrize("name", ["clusters", "workflows", "runs"])
def test_a_length_would_be_a_request_and_is_refused(client: Client, name: str) -> None:
    with pytest.raises(TypeError, match="has no len"):
        len(getattr(client, name))
