"""Rights on objects of others."""

from __future__ import annotations

import httpx2
import pytest
from server_fixtures import ServerInTest

from .test_permission_matrix import make_run

pytestmark = pytest.mark.anyio


def asked(run: str, user: str = "otto", right: str = "read") -> dict[str, str]:
    return {"kind": "run", "object": run, "user": user, "right": right}


async def test_an_owner_shares_and_takes_back(
    server: ServerInTest, user: httpx2.AsyncClient, other_user: httpx2.AsyncClient
) -> None:
    """The other one sees the run exactly as long."""
    run = await make_run(server, "")
    assert (await other_user.get(f"/api/v1/runs/{run}")).status_code == 404
    grant = await user.post("/api/v1/grants", json=asked(run))
    assert grant.status_code == 201
    assert (await other_user.get(f"/api/v1/runs/{run}")).status_code == 200
    assert [g["object"] for g in (await other_user.get("/api/v1/grants")).json()["items"]] == [run]
    assert (await user.delete(f"/api/v1/grants/{grant.json()['id']}")).status_code == 204
    assert (await other_user.get(f"/api/v1/runs/{run}")).status_code == 404


async def test_everybody_is_everybody_with_an_account(
    server: ServerInTest, user: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    """Not the world."""
    run = await make_run(server, "")
    await user.post("/api/v1/grants", json=asked(run, "*"))
    assert (await viewer.get(f"/api/v1/runs/{run}")).status_code == 200
    assert (await (await server.client()).get(f"/api/v1/runs/{run}")).status_code == 401


async def test_nobody_grants_what_is_not_theirs(
    server: ServerInTest, user: httpx2.AsyncClient, other_user: httpx2.AsyncClient
) -> None:
    """Not even one to whom it was granted to change it."""
    run = await make_run(server, "")
    assert (await other_user.post("/api/v1/grants", json=asked(run))).status_code == 404
    made = await user.post("/api/v1/grants", json=asked(run, right="edit"))
    assert (await other_user.post("/api/v1/grants", json=asked(run, "vic"))).status_code == 403
    gone = await other_user.delete(f"/api/v1/grants/{made.json()['id']}")
    assert gone.status_code == 403


async def test_a_second_grant_replaces_the_first(
    server: ServerInTest, user: httpx2.AsyncClient
) -> None:
    """There is one right a user and object."""
    run = await make_run(server, "")
    first = (await user.post("/api/v1/grants", json=asked(run))).json()
    second = (await user.post("/api/v1/grants", json=asked(run, right="edit"))).json()
    assert (second["id"], second["right"]) == (first["id"], "edit")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (asked("99999"), "run-not-found"),
        ({**asked("1"), "kind": "cluster", "object": "none"}, "cluster-not-found"),
    ],
)
async def test_what_is_not_there_cannot_be_shared(
    admin: httpx2.AsyncClient, body: dict[str, str], code: str
) -> None:
    """A grant in advance would be a trap for whoever makes such an object."""
    answer = await admin.post("/api/v1/grants", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_a_grant_needs_somebody(server: ServerInTest, user: httpx2.AsyncClient) -> None:
    """A misspelt name is said, not kept."""
    run = await make_run(server, "")
    answer = await user.post("/api/v1/grants", json=asked(run, "ottto"))
    assert (answer.status_code, answer.json()["code"]) == (404, "user-not-found")


async def test_what_is_gone_leaves_no_rights_behind(server: ServerInTest) -> None:
    """A namesake that comes later is nobody else's."""
    from towline.store import Grant, utc_now

    directory = server.services.access.directory
    await directory.own("cluster", "onprem", "uma")
    grant = Grant(kind="cluster", object="onprem", user="otto", right="edit", created_by="uma")
    grant.created = utc_now()
    await directory.save(grant)
    await directory.disown("cluster", "onprem")
    assert directory.granted_to("otto") == ()
    assert directory.owner_of("cluster", "onprem") is None
    await directory.load()
    assert directory.granted_to("otto") == ()
