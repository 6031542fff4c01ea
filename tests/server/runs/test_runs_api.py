"""Runs over the API of a real server, with real supervisors and small scripts."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server.runs.conftest import RealServer, waits_for
from towline.runs import RunFolder
from towline.runs.spawn import start_detached

WAITS = """
import os, sys, time, towline
given = towline.inputs()
print("began", dict(given).get("name"), flush=True)
while not os.path.exists(given["until"]): time.sleep(0.01)
open("result.txt", "w").write(f"hello {given['name']}")
"""

_FORM = {
    "until": {"type": "string"},
    "name": {"type": "string", "default": "world"},
    "steps": {"type": "integer", "min": 1, "default": 3},
}

COUNTS_LETTERS = """
import towline
print(len(towline.inputs()["password"]), "letters")
"""


@pytest.fixture(scope="module")
def server(served: RealServer) -> RealServer:
    """Serve with the workflows that these tests launch."""
    served.install("waits", WAITS, inputs=_FORM, outputs=["*.txt"])
    served.install("secret", COUNTS_LETTERS, inputs={"password": {"type": "secret"}})
    served.install("quick", "print('quick')")
    return served


_names = itertools.count()


@pytest.fixture
def gate(server: RealServer) -> Path:
    """Return a file for whose making the workflow `waits` waits."""
    return server.home.parent / f"gate-{next(_names)}"


def test_a_launched_workflow_runs_by_itself_and_shows_what_came_of_it(
    server: RealServer, gate: Path
) -> None:
    """Created with an address; then log, events, files, artefacts and details."""
    body = {
        "workflow": "waits",
        "inputs": {"until": str(gate), "name": "ann"},
        "title": "My first",
    }
    answer = server.client.post("/runs", json=body)
    assert answer.status_code == 201
    number = answer.json()["number"]
    assert answer.headers["location"] == f"/api/v1/runs/{number}"
    assert answer.json()["workflow"] == {"name": "waits", "version": 1}
    assert answer.json()["title"] == "My first"
    gate.touch()
    run = server.end_of(number)
    assert (run["state"], run["exit_code"], run["leftovers"]) == ("succeeded", 0, 0)
    log = server.client.get(f"/runs/{number}/log")
    assert log.text == "began ann\n"
    assert log.headers["x-next-offset"] == log.headers["x-log-size"] == "10"
    assert log.headers["x-log-complete"] == "true"
    events = server.client.get(f"/runs/{number}/events").json()["items"]
    assert [event["event"] for event in events][:: len(events) - 1] == ["created", "ended"]
    details = server.client.get(f"/runs/{number}/details").json()
    assert details["inputs"] == {"until": str(gate), "name": "ann", "steps": 3}
    assert details["leftovers"] == []
    artifacts = server.client.get(f"/runs/{number}/artifacts").json()["items"]
    assert [each["path"] for each in artifacts] == ["result.txt"]
    assert server.client.get(f"/runs/{number}/artifacts/result.txt").text == "hello ann"
    assert server.client.get(f"/runs/{number}/files/work/result.txt").text == "hello ann"
    assert server.client.get(f"/runs/{number}/artifacts/main.py").status_code == 404


def test_wrong_inputs_are_named_and_nothing_is_made(server: RealServer) -> None:
    """Each by its path; no number is used up."""
    before = server.client.get("/runs").json()["items"][:1]
    body = {"workflow": "waits", "inputs": {"steps": 0, "nme": "x"}}
    answer = server.client.post("/runs", json=body)
    assert answer.status_code == 422
    assert {"until", "steps", "nme"} == {each["path"] for each in answer.json()["errors"]}
    assert server.client.get("/runs").json()["items"][:1] == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"workflow": "none"}, 404, "workflow-not-found"),
        ({"workflow": "../waits"}, 404, "workflow-not-found"),
        ({"workflow": "quick", "version": 9}, 404, "workflow-not-found"),
        ({"workflow": "quick", "script": "x"}, 422, "invalid-request"),
        ({"workflow": "quick", "clusters": {"a": "nowhere"}}, 422, "definition-error"),
        ({}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_launched_is_refused_in_words(
    server: RealServer, body: dict[str, Any], status: int, code: str
) -> None:
    """With a stable code."""
    answer = server.client.post("/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["cause"]


def test_a_repeated_key_answers_the_same_run_also_when_two_come_at_once(
    server: RealServer,
) -> None:
    """Launched once; the same key for something else is refused."""
    headers = {"Idempotency-Key": "once-1"}

    def launch(_: int) -> Any:
        return server.client.post("/runs", json={"workflow": "quick"}, headers=headers)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(launch, range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    numbers = {answer.json()["number"] for answer in answers}
    assert len(numbers) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 3
    other = server.client.post("/runs", json={"workflow": "quick", "title": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_a_secret_is_nowhere_and_has_to_be_given_again(server: RealServer) -> None:
    """Neither on disk nor in answers; a repeated run without it names what is missing."""
    number = server.launch("secret", inputs={"password": "hunter2hunter2"})
    assert server.end_of(number)["state"] == "succeeded"
    assert server.client.get(f"/runs/{number}/log").text == "14 letters\n"
    inputs = server.client.get(f"/runs/{number}/details").json()["inputs"]
    assert inputs == {"password": {"secret": True}}
    again = server.client.post(f"/runs/{number}/again", json={})
    assert again.status_code == 422
    assert [each["path"] for each in again.json()["errors"]] == ["password"]
    other = {"inputs": {"password": "other"}}
    again = server.client.post(f"/runs/{number}/again", json=other)
    assert again.status_code == 201
    server.end_of(again.json()["number"])
    kept = [path for path in server.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"hunter2hunter2" in path.read_bytes()]


def test_a_run_is_repeated_with_its_inputs_and_what_is_otherwise(
    server: RealServer, gate: Path
) -> None:
    """It says which run it repeats."""
    gate.touch()
    first = server.launch("waits", inputs={"until": str(gate), "name": "ann"}, title="T")
    server.end_of(first)
    answer = server.client.post(f"/runs/{first}/again", json={"inputs": {"name": "ben"}})
    assert answer.status_code == 201
    second = answer.json()
    assert (second["again_of"], second["title"]) == (first, "T")
    server.end_of(second["number"])
    assert server.client.get(f"/runs/{second['number']}/log").text == "began ben\n"
    same = server.client.post(f"/runs/{first}/again")
    assert same.status_code == 201
    server.end_of(same.json()["number"])


def test_cancel_is_accepted_as_often_as_it_comes_and_nothing_remains(
    server: RealServer, gate: Path
) -> None:
    """Also of a run that has only just been made, and of one that is over."""
    number = server.launch("waits", inputs={"until": str(gate)})
    for _ in range(2):
        answer = server.client.post(f"/runs/{number}/cancel")
        assert answer.status_code == 202
    run = server.end_of(number)
    assert (run["state"], run["exit_code"], run["leftovers"]) == ("cancelled", 130, 0)
    answer = server.client.post(f"/runs/{number}/cancel")
    assert (answer.status_code, answer.json()) == (202, run)


def test_only_what_has_ended_is_deleted(server: RealServer, gate: Path) -> None:
    """A living run is refused; a deleted one is gone for everybody."""
    number = server.launch("waits", inputs={"until": str(gate)})
    refused = server.client.delete(f"/runs/{number}")
    assert (refused.status_code, refused.json()["code"]) == (409, "run-not-ended")
    gate.touch()
    server.end_of(number)
    assert server.client.delete(f"/runs/{number}").status_code == 204
    assert server.client.get(f"/runs/{number}").status_code == 404
    assert server.client.delete(f"/runs/{number}").json()["code"] == "run-not-found"
    assert not (server.home / "state" / "runs" / str(number)).exists()


def test_a_run_whose_ledger_is_open_is_not_deleted_unless_one_insists(server: RealServer) -> None:
    """Only the ledger knows what may remain on a cluster: it is named."""
    folder = RunFolder.create("main.py")
    entry = folder.ledger.intend("job", "onprem", name="tl.x")
    folder.events.append("ended", state="lost", exit_code=6, reason="", seconds=1.0)
    refused = server.client.delete(f"/runs/{folder.number}")
    assert (refused.status_code, refused.json()["code"]) == (409, "leftovers-remain")
    assert refused.json()["errors"] == [{"path": "onprem", "message": f"job {entry}"}]
    gone = server.client.delete(f"/runs/{folder.number}", params={"forget_leftovers": True})
    assert gone.status_code == 204


def test_runs_of_the_command_line_are_listed_beside_the_others(
    server: RealServer, tmp_path: Path
) -> None:
    """They have no workflow, and cannot be repeated over the API."""
    script = tmp_path / "by_hand.py"
    script.write_text("print('by hand')")
    folder = RunFolder.create(script)
    start_detached(folder)
    run = server.end_of(folder.number)
    assert (run["state"], run["workflow"], run["script"]) == ("succeeded", None, str(script))
    again = server.client.post(f"/runs/{folder.number}/again", json={})
    assert (again.status_code, again.json()["code"]) == (409, "run-not-repeatable")
    found = server.client.get("/runs", params={"text": "by_hand"}).json()["items"]
    assert [each["number"] for each in found] == [folder.number]


def test_lists_are_filtered_and_come_in_pages(server: RealServer) -> None:
    """Pages together are the list; a wrong filter or cursor is refused."""
    numbers = [server.launch("quick", title="paged") for _ in range(3)]
    for number in numbers:
        server.end_of(number)
    asked: dict[str, Any] = {"text": "paged", "workflow": "quick", "state": "succeeded", "limit": 2}
    first = server.client.get("/runs", params=asked).json()
    second = server.client.get("/runs", params={**asked, "cursor": first["next_cursor"]}).json()
    found = [each["number"] for page in (first, second) for each in page["items"]]
    assert found == numbers[::-1]
    assert second["next_cursor"] is None
    for wrong in ({"state": "done"}, {"cursor": "x"}, {"limit": 0}, {"since": "yesterday"}):
        answer = server.client.get("/runs", params=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


@pytest.mark.parametrize(
    "path",
    [
        "files/../run.json",
        "files/work/..%2f..%2fledger.jsonl",
        "files/..%2f..%2f..%2fconfig",
        "files/%2fetc%2fpasswd",
        "files/ledger.jsonl",
        "files/launch.json",
        "files/supervisor.json",
        "files/work/link/passwd",
        "files/work%00",
        "files/",
        "artifacts/..%2frun.json",
        "artifacts/%2fetc%2fpasswd",
        "artifacts/link/passwd",
    ],
)
def test_no_address_reads_what_is_not_the_runs(server: RealServer, path: str) -> None:
    """Escapes, encoded escapes, links, the ledger: there is no such file."""
    folder = RunFolder.create("main.py", outputs=["**"])
    folder.work.mkdir()
    (folder.work / "link").symlink_to("/etc")
    folder.events.append("ended", state="failed", exit_code=1, reason="", seconds=1.0)
    answer = server.client.get(f"/runs/{folder.number}/{path}")
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text


def test_files_are_sent_to_be_saved_whole_or_in_part(server: RealServer) -> None:
    """A page that a script has written runs in no browser; a part can be asked for."""
    folder = RunFolder.create("main.py")
    folder.work.mkdir()
    (folder.work / "page.html").write_text("<script>alert(1)</script>")
    folder.events.append("ended", state="failed", exit_code=1, reason="", seconds=1.0)
    url = f"/runs/{folder.number}/files/work/page.html"
    whole = server.client.get(url)
    assert whole.status_code == 200
    assert whole.headers["content-disposition"].startswith("attachment")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"].startswith("sandbox")
    part = server.client.get(url, headers={"Range": "bytes=1-6"})
    assert (part.status_code, part.text) == (206, "script")
    assert part.headers["content-range"] == "bytes 1-6/25"
    outside = server.client.get(url, headers={"Range": "bytes=99-"})
    assert (outside.status_code, outside.json()["code"]) == (416, "range-not-satisfiable")
    same = server.client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
    listed = server.client.get(f"/runs/{folder.number}/files", params={"path": "work"}).json()
    assert [(f["path"], f["size"]) for f in listed["items"]] == [("work/page.html", 25)]


def test_tasks_come_in_pages_by_filter_and_order(server: RealServer) -> None:
    """10,000 of them: the table is read once."""
    folder = RunFolder.create("main.py")
    folder.tasks.mkdir()
    rows: list[dict[str, Any]] = [{"time": 1.0, "executors": {"ex": "onprem"}}]
    for task in range(10_000):
        app = "train" if task % 2 else "test"
        rows.append(
            {"time": 2.0, "task": task, "try": 0, "state": "launched", "app": app, "executor": "ex"}
        )
        state = "failed" if task % 100 == 0 else "done"
        ran = {"start": 2.5, "seconds": task / 1000, "host": "n1", "memory": 1000}
        rows.append({"time": 3.0, "task": task, "try": 0, "state": state, **ran})
    (folder.tasks / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder.events.append("ended", state="failed", exit_code=1, reason="", seconds=1.0)
    url = f"/runs/{folder.number}/tasks"
    page = server.client.get(url, params={"state": "failed", "limit": 60}).json()
    assert len(page["items"]) == 60
    rest = server.client.get(
        url, params={"state": "failed", "limit": 60, "cursor": page["next_cursor"]}
    ).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (40, None)
    longest = server.client.get(url, params={"sort": "ran", "limit": 1}).json()["items"][0]
    assert (longest["task"], longest["cluster"], longest["ran_seconds"]) == (
        "9999",
        "onprem",
        9.999,
    )
    summary = server.client.get(f"{url}/summary").json()
    assert [(each["app"], each["tasks"]) for each in summary] == [("test", 5000), ("train", 5000)]
    picture = server.client.get(f"/runs/{folder.number}/timeline")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg")


def test_a_run_that_waits_can_be_seen_to_wait(server: RealServer, tmp_path: Path) -> None:
    """The list filters by state while it lives."""
    script = tmp_path / "waits.py"
    script.write_text(waits_for(tmp_path / "go"))
    folder = RunFolder.create(script)
    start_detached(folder)
    server.wait_for(folder.number, "it runs", lambda run: run["state"] == "running")
    listed = server.client.get("/runs", params={"state": "running"}).json()["items"]
    assert folder.number in [each["number"] for each in listed]
    (tmp_path / "go").touch()
    server.end_of(folder.number)
