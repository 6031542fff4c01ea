"""Every route of the application, for every kind of caller; found from the routes themselves.

A route that is added is covered without a change here. A kind of object that is new needs a way to
make one, in `MAKERS`: the test says so.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.runs import RunFolder
from towline.server.access.actions import NEEDS, ROLE_ORDER, Action, Right, Role, Scope
from towline.server.routing import RuledRoute
from towline.store import Grant, utc_now

pytestmark = pytest.mark.anyio

OWNER, STRANGER, READER, ADMIN, VIEWER = "uma", "otto", "rea", "ann", "vic"
ROLES = {
    OWNER: Role.USER,
    STRANGER: Role.USER,
    READER: Role.USER,
    ADMIN: Role.ADMIN,
    VIEWER: Role.VIEWER,
}
REFUSED = {401, 403}


async def make_run(server: ServerInTest, name: str) -> str:
    """Make the folder of a run that has ended."""
    script = server.home / "script.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text("")
    folder = RunFolder.create(script, owner=OWNER)
    folder.stdout_log.write_text("said\n")
    folder.events.append("ended", state="succeeded", exit_code=0, seconds=0.1, leftovers=[])
    return str(folder.number)


async def make_key(server: ServerInTest, name: str) -> str:
    """Make a key."""
    return (await server.key_for(OWNER)).split("_")[1]


async def make_grant(server: ServerInTest, name: str) -> str:
    """Make a grant on a run."""
    row = Grant(
        kind="run",
        object=await make_run(server, name),
        user=VIEWER,
        right="read",
        created=utc_now(),
        created_by=OWNER,
    )
    return str((await server.services.access.directory.save(row)).id)


async def make_user(server: ServerInTest, name: str) -> str:
    """Make an account that nobody needs."""
    await server.add_user(name, "user")
    return name


async def make_cluster(server: ServerInTest, name: str) -> str:
    """Define a cluster as its owner would."""
    client = await server.client(server.keys[OWNER])
    answer = await client.post("/api/v1/clusters", json={"name": name, "type": "local"})
    assert answer.status_code == 201, answer.text
    return name


async def make_workflow(server: ServerInTest, name: str) -> str:
    """Install a workflow as its owner would."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("main.sh", "echo hello\n")
        packed.writestr("workflow.yaml", f"title: {name}\nrun: [sh, main.sh]\n")
    client = await server.client(server.keys[OWNER])
    files = {"archive": ("workflow.zip", archive.getvalue())}
    answer = await client.post("/api/v1/workflows", params={"name": name}, files=files)
    assert answer.status_code == 201, answer.text
    return name


async def existing_type(server: ServerInTest, name: str) -> str:
    """Return a type of clusters: they are there for all."""
    return "slurm"


Maker = Callable[[ServerInTest, str], Awaitable[str]]
MAKERS: dict[str, Maker] = {
    "run": make_run,
    "key": make_key,
    "grant": make_grant,
    "user": make_user,
    "cluster": make_cluster,
    "workflow": make_workflow,
    "cluster-type": existing_type,
}
NOT_OWNED = {"user", "grant", "audit", "cluster-type"}
"""Kinds that belong to administrators, to the object that they are about, or to all."""


def fill(path: str, name: str) -> str:
    """Put an object's name for the first parameter, and something plausible for others."""
    filled = re.sub(r"{[^}]*}", name, path, count=1)
    return re.sub(r"{[^}]*}", "x", filled)


class Matrix:
    """Sends what a route takes, as each kind of caller, and collects what is wrong."""

    def __init__(self, server: ServerInTest) -> None:
        self.server = server
        self.clients: dict[str, httpx2.AsyncClient] = {}
        self.wrong: list[str] = []
        self._made = 0

    async def start(self) -> None:
        await self.server.add_user(READER, "user")
        for name in ROLES:
            key = await self.server.key_for(name)
            self.server.keys[name] = key
            self.clients[name] = await self.server.client(key)

    async def send(self, who: httpx2.AsyncClient, method: str, path: str) -> httpx2.Response:
        """Send a request; of a stream only the beginning is read."""
        async with who.stream(method, path) as answer:
            if "event-stream" not in answer.headers.get("content-type", ""):
                await answer.aread()
            return answer

    async def object(self, kind: str) -> str:
        assert kind in MAKERS, f"objects of the kind {kind!r} need a line in MAKERS"
        self._made += 1
        return await MAKERS[kind](self.server, f"made{self._made}")

    def expect(self, fine: bool, method: str, path: str, who: str, answer: httpx2.Response) -> None:
        if not fine:
            text = answer.text if answer.is_closed and answer.is_stream_consumed else ""
            self.wrong.append(f"{method} {path} as {who}: {answer.status_code} {text[:200]}")


@pytest.fixture
async def matrix(server: ServerInTest, monkeypatch: pytest.MonkeyPatch) -> Matrix:
    """Return the callers of the matrix; streams of events end at once."""
    from towline.server import streams

    async def nothing(_request: object, events: object) -> object:
        await events.aclose()  # type: ignore[attr-defined]
        yield b": begins\n\n"

    monkeypatch.setattr(streams, "_with_heartbeat", nothing)
    made = Matrix(server)
    await made.start()
    return made


def routes(server: ServerInTest) -> list[tuple[str, RuledRoute, Action]]:
    """Return every route with a rule and each of its methods."""
    return [
        (method, route, route.rule.action)
        for route in server.app.routes
        if isinstance(route, RuledRoute) and route.rule.action is not None
        for method in sorted(route.methods or ())
    ]


async def test_nobody_gets_anything(matrix: Matrix, nobody: httpx2.AsyncClient) -> None:
    """Every route with a rule answers 401 to one without a key, before it looks at anything.

    CVE-2023-48022 (Ray: no authentication at all).
    """
    for method, route, _ in routes(matrix.server):
        path = fill(route.path, "1")
        answer = await matrix.send(nobody, method, path)
        fine = answer.status_code == 401 and answer.json()["code"] == "not-signed-in"
        matrix.expect(fine, method, path, "nobody", answer)
    assert matrix.wrong == []


async def test_a_role_that_is_too_small_is_refused(matrix: Matrix) -> None:
    """Every route asks for its role before it reads the body or looks anything up."""
    for method, route, action in routes(matrix.server):
        for name, role in ROLES.items():
            if ROLE_ORDER.index(role) < ROLE_ORDER.index(NEEDS[action].role):
                path = fill(route.path, "1")
                answer = await matrix.send(matrix.clients[name], method, path)
                matrix.expect(answer.status_code == 403, method, path, name, answer)
    assert matrix.wrong == []


async def test_a_key_without_the_scope_is_refused_even_to_an_administrator(matrix: Matrix) -> None:
    """Every route asks for its scope.

    CVE-2024-41942, GHSA-69wv-m5fw-2fhp (JupyterHub: limits of admin scopes were not enforced).
    """
    for scope in Scope:
        others = [each.value for each in Scope if each is not scope]
        key = await matrix.server.key_for(ADMIN, scopes=others)
        client = await matrix.server.client(key)
        for method, route, action in routes(matrix.server):
            if NEEDS[action].scope is scope:
                path = fill(route.path, "1")
                answer = await matrix.send(client, method, path)
                fine = answer.status_code == 403 and answer.json()["code"] == "wrong-scope"
                matrix.expect(fine, method, path, f"all but {scope.value}", answer)
    assert matrix.wrong == []


async def test_what_is_anothers_cannot_be_told_from_what_is_not_there(matrix: Matrix) -> None:
    """A stranger gets the same answer for both, whatever they try; it is never a success."""
    for method, route, action in routes(matrix.server):
        kind = route.rule.of
        if not kind or "{" not in route.path or kind in NOT_OWNED:
            continue
        there, absent = await matrix.object(kind), "987654321"
        for name in (STRANGER, VIEWER):
            client = matrix.clients[name]
            if ROLE_ORDER.index(ROLES[name]) < ROLE_ORDER.index(NEEDS[action].role):
                continue
            path = fill(route.path, there)
            answer = await matrix.send(client, method, path)
            other = await matrix.send(client, method, fill(route.path, absent))
            same = (answer.status_code, answer.json().get("code")) == (
                other.status_code,
                other.json().get("code"),
            )
            fine = same and answer.status_code in (404, 422)
            matrix.expect(fine, method, path, name, answer)
    assert matrix.wrong == []


async def test_a_grant_to_read_gives_reading_and_no_more(matrix: Matrix) -> None:
    """Who may read an object is let through to reading, and refused everything else on it."""
    directory = matrix.server.services.access.directory
    for method, route, action in routes(matrix.server):
        kind = route.rule.of
        if kind not in ("run", "cluster", "workflow") or "{" not in route.path:
            continue
        there = await matrix.object(kind)
        await directory.save(
            Grant(
                kind=kind,
                object=there,
                user=READER,
                right=Right.READ.value,
                created=utc_now(),
                created_by=OWNER,
            )
        )
        path = fill(route.path, there)
        answer = await matrix.send(matrix.clients[READER], method, path)
        if NEEDS[action].right is Right.READ:
            fine = answer.status_code not in REFUSED
        else:
            # 409: launching again is one's own act; what then lacks is said of the object
            fine = answer.status_code in (403, 409, 422)
        matrix.expect(fine, method, path, READER, answer)
    assert matrix.wrong == []


async def test_the_owner_and_an_administrator_are_let_through(matrix: Matrix) -> None:
    """No route refuses those whom its rule names; none fails."""
    for method, route, action in routes(matrix.server):
        kind = route.rule.of
        for name in (OWNER, ADMIN):
            if ROLE_ORDER.index(ROLES[name]) < ROLE_ORDER.index(NEEDS[action].role):
                continue
            parameter = "{" in route.path and kind
            path = fill(route.path, await matrix.object(kind) if parameter else "1")
            answer = await matrix.send(matrix.clients[name], method, path)
            fine = answer.status_code not in REFUSED and answer.status_code < 500
            matrix.expect(fine, method, path, name, answer)
    assert matrix.wrong == []


def test_every_route_that_names_an_object_says_of_which_kind(tmp_path: Path) -> None:
    """A path with a parameter and a rule without a kind would be checked by nobody."""
    from towline.server import Settings, create_app

    silent = [
        route.path
        for route in create_app(Settings(folder=tmp_path)).routes
        if isinstance(route, RuledRoute) and "{" in route.path and not route.rule.of
    ]
    assert silent == []
