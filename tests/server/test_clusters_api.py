"""Clusters over the API: definitions, power, log-ins, checks, and the record shape of 2022."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from towline.clusters import ClusterStore, define
from towline.clusters.on_testbed import CONNECTIONS_PER_MINUTE
from towline.clusters.types import cluster_types
from towline.server.api import cluster_power
from towline.server.app import create_app
from towline.server.control.living import LivingRuns
from towline.server.services import Services
from towline.server.settings import Settings
from towline.ssh import Connection
from towline.testbed import Testbed

pytestmark = pytest.mark.anyio

LIMIT = 40.0  # seconds that anything may take


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio: it is what the server runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep everything of a test in its own folder."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # shims of a Python manager are slow
    return tmp_path / "home"


class Api:
    """A client of a server in this process, and the server's parts."""

    def __init__(self, client: httpx2.AsyncClient, services: Services) -> None:
        self.client = client
        self.services = services

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(f"/api/v1{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.client.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def power(self, name: str, desired: str, status: int = 202) -> Any:
        return await self.send("POST", f"/clusters/{name}/power", {"desired": desired}, status)

    async def until(self, name: str, what: Callable[[Any], bool]) -> Any:
        """Ask for a cluster until it is so."""
        deadline = time.monotonic() + LIMIT
        while True:
            cluster = await self.get(f"/clusters/{name}")
            if what(cluster):
                return cluster
            assert time.monotonic() < deadline, json.dumps(cluster, indent=1)
            await asyncio.sleep(0.05)

    async def until_state(self, name: str, state: str) -> Any:
        return await self.until(name, lambda cluster: cluster["state"] == state)


@asynccontextmanager
async def serving() -> AsyncIterator[Api]:
    """Run a server of the test's own home."""
    app = create_app(Settings(port=8695))
    async with app.router.lifespan_context(app):
        services: Services = app.state.services
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="http://localhost:8695",
            headers={"Authorization": f"Bearer {services.access.local_key.text}"},
        ) as client:
            yield Api(client, services)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A server and its administrator."""
    async with serving() as running:
        yield running


def on_testbed(testbed: Testbed, name: str, **facts: Any) -> dict[str, Any]:
    """Return the body that defines a cluster of a testbed."""
    usual = {"name": name, "host": name, "connections_per_minute": CONNECTIONS_PER_MINUTE}
    return {**usual, "ssh_config": str(testbed.ssh_config), **facts}


@pytest.fixture
def disconnected() -> Any:
    """Close the connections to all that is defined, at the end."""
    yield
    for name in ClusterStore().names():
        definition = ClusterStore().load(name)
        if not definition.here and definition.host:
            Connection(definition.destination()).close()


# --- definitions ---------------------------------------------------------------------------------


async def test_a_cluster_is_defined_shown_edited_in_its_file_and_removed(
    api: Api, home: Path
) -> None:
    """The API writes the same file that people write, at the same place."""
    made = await api.send("POST", "/clusters", {"name": "here", "type": "local"}, 201)
    assert (made["state"], made["desired"], made["observation"]) == ("off", None, None)
    file = home / "config/clusters/here.yaml"
    assert "type: local" in file.read_text()
    edited = await api.send("PUT", "/clusters/here", {"type": "local", "tags": ["mine"]})
    assert edited["tags"] == ["mine"]
    assert "mine" in file.read_text()
    await api.send("DELETE", "/clusters/here", status=204)
    assert not file.exists()
    assert (await api.get("/clusters/here", 404))["code"] == "cluster-not-found"
    actions = [row["action"] for row in (await api.get("/audit"))["items"]]
    assert {"cluster.create", "cluster.edit", "cluster.delete"} <= set(actions)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "onprem"}, "host is missing"),
        ({"name": "onprem", "hsot": "x"}, "unknown key 'hsot'; did you mean 'host'?"),
        ({"name": "onprem", "type": "slrum"}, "did you mean 'slurm'?"),
        ({"name": "../up", "host": "x"}, "a name has 2-250 of a-z"),
        ({"host": "x"}, "name is missing"),
        (
            {"name": "onprem", "host": "h", "cost_per_node_hour": {"amount": -1}},
            "cost_per_node_hour",
        ),
    ],
)
async def test_bad_input_is_refused_in_the_words_of_the_files_checks(
    api: Api, body: dict[str, Any], words: str
) -> None:
    """Nothing is written then."""
    answer = await api.send("POST", "/clusters", body, 422)
    assert words in answer["cause"]
    if "hsot" in body:
        assert [problem["path"] for problem in answer["errors"]] == ["hsot"]
    assert ClusterStore().names() == []


async def test_a_file_that_a_person_edits_is_seen_and_a_broken_one_is_shown_as_such(
    api: Api, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong file hides nothing: the list has it, with the line."""
    await api.send("POST", "/clusters", {"name": "good", "type": "local"}, 201)
    (home / "config/clusters/broken.yaml").write_text("type: slurm\nhsot: x\n")
    await api.services.clusters.refresh()
    shown = {row["name"]: row for row in (await api.get("/clusters"))["items"]}
    assert shown["good"]["definition_problem"] is None
    assert shown["broken"]["state"] == "error"
    assert shown["broken"]["definition_problem"]["thing"].endswith("broken.yaml:2")
    refused = await api.power("broken", "on", 422)
    assert "did you mean 'host'?" in refused["cause"]


async def test_a_cluster_whose_file_was_just_written_is_known_at_once(api: Api) -> None:
    """The command line defines clusters beside a server that runs; so does `ls` of an editor."""
    ClusterStore().add(define("fresh", type="local"))
    assert (await api.get("/clusters/fresh"))["type"] == "local"
    ClusterStore().add(define("fresh2", type="local"))
    assert (await api.power("fresh2", "on"))["desired"] == "on"


async def test_many_who_define_clusters_at_once_all_find_theirs(api: Api) -> None:
    """One who reads the folder for all does not hide a cluster from who has just made it."""
    bodies = [{"name": f"c-{number}", "type": "local"} for number in range(20)]
    await asyncio.gather(*(api.send("POST", "/clusters", body, 201) for body in bodies))


async def test_a_change_of_a_definition_that_has_changed_meanwhile_is_refused(
    api: Api, home: Path
) -> None:
    """Of two who edit what they have both read, the second learns of the first; so with files."""
    await api.send("POST", "/clusters", {"name": "here", "type": "local"}, 201)
    file = home / "config/clusters/here.yaml"

    async def put(description: str, mark: str | None) -> httpx2.Response:
        body = {"type": "local", "description": description}
        headers = {} if mark is None else {"If-Match": mark}
        return await api.client.put("/api/v1/clusters/here", json=body, headers=headers)

    read = (await api.client.get("/api/v1/clusters/here")).headers["ETag"]
    both = await asyncio.gather(put("mine", read), put("yours", read))
    assert sorted(answer.status_code for answer in both) == [200, 412]
    won, lost = sorted(both, key=lambda answer: answer.status_code)
    assert lost.json()["code"] == "cluster-changed"
    assert won.json()["description"] in file.read_text()
    file.write_text("type: local\ndescription: by hand\n")
    assert (await put("late", won.headers["ETag"])).status_code == 412
    assert "by hand" in file.read_text()
    assert (await put("whatever is there", None)).status_code == 200
    assert (await put("anything", '"nonsense", *')).status_code == 200


async def test_types_come_with_their_forms(api: Api) -> None:
    """Every form is a JSON Schema, the plug-in's with its own keys."""
    listed = await api.get("/cluster-types")
    assert [row["key"] for row in listed["items"]] == list(cluster_types())
    form = (await api.get("/cluster-types/local-elastic"))["form"]
    assert {"testbed", "testbed_cluster"} <= form["properties"].keys()
    assert "testbed" in form["required"]
    assert (await api.get("/cluster-types/nonsense", 404))["code"] == "cluster-type-not-found"


# --- power ---------------------------------------------------------------------------------------


async def test_a_cluster_is_connected_checked_observed_and_disconnected(
    api: Api, testbed: Testbed, disconnected: None
) -> None:
    """Off, starting, on with all that is seen of it, and off with no connection left."""
    price = {"amount": 2.5, "currency": "EUR"}
    body = on_testbed(testbed, "onprem", cost_per_node_hour=price)
    await api.send("POST", "/clusters", body, 201)
    before = testbed.connections("onprem")["open"]
    assert (await api.power("onprem", "on"))["state"] == "starting"
    on = await api.until_state("onprem", "on")
    seen = on["observation"]
    assert seen["controller"] == "10.77.10.2"
    assert seen["nodes_by_state"] == {"idle": 2}
    assert (seen["registered_workers"], seen["requested_workers"]) == (2, 2)
    assert [part["name"] for part in seen["partitions"]] == ["compute", "gpu"]
    assert seen["partitions"][0]["nodes_by_state"] == {"idle": 2}
    assert seen["cost"]["amount_per_hour"] == 0
    assert seen["disk"]["free_mb"] > 0
    check = await api.get("/clusters/onprem/check")
    assert check["usable"] and not check["running"]
    assert testbed.connections("onprem")["open"] == before + 1
    await api.power("onprem", "off")
    await api.until_state("onprem", "off")
    deadline = time.monotonic() + LIMIT
    while testbed.connections("onprem")["open"] != before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_run_that_connects_after_off_is_left_alone(
    api: Api, testbed: Testbed, disconnected: None
) -> None:
    """Off was asked for once, and was reached; what comes later is only observed."""
    await api.send("POST", "/clusters", on_testbed(testbed, "onprem"), 201)
    await api.power("onprem", "off")
    await api.until_state("onprem", "off")
    connection = Connection(ClusterStore().load("onprem").destination())
    await asyncio.to_thread(connection.open)
    managed = api.services.clusters.get("onprem")
    for _ in range(2):
        managed.due, looked = 0.0, managed.looked
        api.services.clusters._wake.set()
        await api.until("onprem", lambda c, before=looked: managed.looked > before)
    cluster = await api.until_state("onprem", "on")
    assert cluster["desired"] == "off"
    assert connection.is_open()


async def test_our_jobs_are_marked_in_the_queue(
    api: Api, healthy_testbed: Testbed, disconnected: None
) -> None:
    """A job of a run has the run's tag; another one has none; both are counted."""
    sbatch = "sbatch -J {name} -N1 --wrap 'sleep 300' -o /dev/null"
    for name in ("tl.r7-abcdef01.label.0", "mine"):
        healthy_testbed.ssh("onprem", sbatch.format(name=name))
    price = {"amount": 2.5, "currency": "EUR"}
    body = on_testbed(healthy_testbed, "onprem", cost_per_node_hour=price)
    await api.send("POST", "/clusters", body, 201)
    await api.power("onprem", "on")
    seen = (await api.until_state("onprem", "on"))["observation"]
    jobs = {job["name"]: job for job in seen["jobs"]}
    assert jobs["tl.r7-abcdef01.label.0"]["run"] == "r7-abcdef01"
    assert jobs["mine"]["run"] is None
    assert seen["queue"]["running"] + seen["queue"]["waiting"] == 2


async def test_a_log_in_code_is_asked_for_and_answered_over_the_api(
    api: Api, testbed: Testbed, disconnected: None, home: Path
) -> None:
    """The prompt is the site's own; a wrong code is asked for again; the code is kept nowhere."""
    await api.send("POST", "/clusters", on_testbed(testbed, "onprem", user="otp"), 201)
    await api.power("onprem", "on")
    asked = await api.until("onprem", lambda cluster: cluster["input"] is not None)
    assert "Password" in asked["input"]["prompt"]
    asked = await api.until_state("onprem", "input_needed")
    question = asked["input"]["id"]
    wrong = {"id": question, "answer": "000000x"}
    await api.send("POST", "/clusters/onprem/input", wrong, 202)
    again = await api.until(
        "onprem", lambda c: c["input"] is not None and c["input"]["id"] != question
    )
    late = await api.send("POST", "/clusters/onprem/input", wrong, 409)
    assert late["code"] == "not-asked"
    right = {"id": again["input"]["id"], "answer": testbed.one_time_code}
    await api.send("POST", "/clusters/onprem/input", right, 202)
    await api.until_state("onprem", "on")
    await api.services.clusters.close()
    kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert testbed.one_time_code.encode() not in kept


async def test_nobody_is_asked_for_a_code_unless_somebody_asked_for_the_cluster(
    testbed: Testbed, disconnected: None
) -> None:
    """A server that starts again does not ring at the site: it says that a person is needed."""
    async with serving() as api:
        await api.send("POST", "/clusters", on_testbed(testbed, "onprem", user="otp"), 201)
        await api.power("onprem", "on")
        await api.until("onprem", lambda cluster: cluster["input"] is not None)
    async with serving() as api:
        cluster = await api.until_state("onprem", "input_needed")
        assert cluster["input"] is None
        assert "towline cluster login onprem" in cluster["next"]
        await api.power("onprem", "on")
        await api.until("onprem", lambda cluster: cluster["input"] is not None)
        await api.power("onprem", "off")
        await api.until_state("onprem", "off")


async def test_a_dead_cluster_is_unknown_with_its_last_observation_and_slows_no_other(
    api: Api, healthy_testbed: Testbed, disconnected: None
) -> None:
    """Not observed is not failed: what was seen stays, with its age, and comes back by itself."""
    for name in ("onprem", "cloud"):
        await api.send("POST", "/clusters", on_testbed(healthy_testbed, name), 201)
        await api.power(name, "on")
    for name in ("onprem", "cloud"):
        await api.until_state(name, "on")
    with healthy_testbed.cut("cloud"):
        api.services.clusters.get("cloud").due = 0.0
        api.services.clusters._wake.set()
        dead = await api.until_state("cloud", "unknown")
        assert dead["observation"]["nodes_by_state"] == {"idle": 2}
        assert dead["age_seconds"] > 0
        assert dead["problem"]["code"] == "host-unreachable"
        before = (await api.get("/clusters/onprem"))["observation"]["observed_at"]
        api.services.clusters.get("onprem").due = 0.0
        api.services.clusters._wake.set()
        await api.until("onprem", lambda c: c["observation"]["observed_at"] > before)
    await api.power("cloud", "on")
    await api.until_state("cloud", "on")


async def test_off_is_refused_while_a_run_uses_the_cluster(api: Api) -> None:
    """The answer names the run; the cluster can neither be switched off nor removed."""
    await api.send("POST", "/clusters", {"name": "here", "type": "local"}, 201)

    class Busy(LivingRuns):
        def __init__(self) -> None:
            """Stand in for a run; there is nothing to look at."""

        def on(self, cluster: str) -> list[int]:
            return [12] if cluster == "here" else []

        async def refresh(self, *, now: bool = False) -> None:
            """Nothing to look at."""

    api.services.clusters._living = Busy()
    for refused in (
        await api.power("here", "off", 409),
        await api.send("DELETE", "/clusters/here", status=409),
    ):
        assert refused["code"] == "cluster-in-use"
        assert "run 12" in refused["cause"]
    assert (await api.get("/clusters/here"))["runs"] == [12]


async def test_a_type_that_raises_is_shown_and_harms_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plug-in's own mistake is the state of its clusters only."""
    kind = type(cluster_types()["local"])
    await api.send("POST", "/clusters", {"name": "ill", "type": "local"}, 201)

    def fall_over(self: Any, power: Any) -> Any:
        raise KeyError("oops") if power.definition.name == "ill" else AssertionError

    sound = kind.observe

    def observe(self: Any, power: Any) -> Any:
        return fall_over(self, power) if power.definition.name == "ill" else sound(self, power)

    monkeypatch.setattr(kind, "observe", observe)
    await api.send("POST", "/clusters", {"name": "well", "type": "local"}, 201)
    await api.power("well", "on")
    await api.power("ill", "on")
    ill = await api.until_state("ill", "error")
    assert "its type local failed: KeyError" in ill["reason"]
    await api.until_state("well", "on")


# --- what changes --------------------------------------------------------------------------------


async def test_those_who_follow_a_cluster_are_told_of_each_state(api: Api) -> None:
    """The stream begins with the cluster as it is, and ends with the cluster."""
    await api.send("POST", "/clusters", {"name": "here", "type": "local"}, 201)
    managed = api.services.clusters.get("here")
    stream = cluster_power._changes(api.services, managed, None)

    async def following() -> tuple[str, Any]:
        lines = (await asyncio.wait_for(anext(stream), LIMIT)).decode().splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        return fields["event"], json.loads(fields["data"])

    try:
        assert (await following())[1]["state"] == "off"
        await api.power("here", "on")
        states = [(await following())[1]["state"]]
        while states[-1] != "on":
            states.append((await following())[1]["state"])
        assert states[0] == "starting"
        await api.send("DELETE", "/clusters/here", status=204)
        name = ""
        while name != "gone":
            name, _ = await following()
    finally:
        await stream.aclose()


async def test_a_check_can_be_followed_step_by_step(api: Api) -> None:
    """Steps that are over come at once, also to one who comes late; then the end."""
    await api.send("POST", "/clusters", {"name": "here", "type": "local"}, 201)
    assert (await api.get("/clusters/here/check", 404))["code"] == "check-not-found"
    await api.send("POST", "/clusters/here/check", {}, 202)
    answer = await api.client.get("/api/v1/clusters/here/check/events")
    events = [line.partition(": ")[2] for line in answer.text.splitlines() if "event: " in line]
    assert events[-1] == "end"
    assert len(events) > 3 and set(events[:-1]) == {"step"}
    assert (await api.get("/clusters/here/check"))["usable"] is True


# --- 2022 ----------------------------------------------------------------------------------------


async def test_clients_of_2022_read_the_record_that_they_know(
    api: Api, testbed: Testbed, disconnected: None
) -> None:
    """A cluster is ready for them when it is on and has a master node."""
    body = on_testbed(testbed, "onprem", tags=["hpc", "slurm"], description="Ours", user="jdoe")
    await api.send("POST", "/clusters", body, 201)
    (record,) = (await api.client.get("/api/resources")).json()
    assert record["status"] == "off"
    assert record["state"] == {
        "registeredWorkers": None,
        "requestedWorkers": None,
        "masterNode": None,
    }
    await api.client.post("/api/resources/start", params={"name": "onprem"})
    await api.until_state("onprem", "on")
    record = (await api.client.get("/api/resources/list", params={"name": "onprem"})).json()
    assert record["id"] == record["name"] == "onprem"
    assert record["status"] == "on"
    assert record["state"] == {
        "registeredWorkers": 2,
        "requestedWorkers": 2,
        "masterNode": "jdoe@10.77.10.2",
    }
    assert (record["type"], record["tags"]) == ("slurmshv2", "hpc,slurm")
    assert record["visibility"] == "private"


async def test_a_key_in_a_url_is_refused_with_what_to_do_instead(api: Api) -> None:
    """With or without another credential beside it; what GET changed then, GET changes no more."""
    refused = await api.client.get("/api/resources", params={"key": "abc"})
    assert refused.status_code == 400
    assert "Authorization: Bearer" in refused.json()["next"]
    anonymous = httpx2.AsyncClient(
        transport=api.client._transport, base_url="http://localhost:8695"
    )
    refused = await anonymous.get("/api/resources", params={"key": "abc"})
    assert refused.status_code == 401
    assert "a key in the URL is not taken" in refused.json()["cause"]
    started = await api.client.get("/api/resources/start", params={"name": "x"})
    assert started.status_code == 405
