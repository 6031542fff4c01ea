"""Workflows over the API: installed, shown, checked, updated, removed, by whom it is allowed to."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jsonschema
import pytest
from server_fixtures import ServerInTest

from towline.runs.launching import prepare
from towline.server.uploads import Uploads, plain_name
from towline.server.workflow_services import workflow_services
from towline.workflows import Catalog

pytestmark = pytest.mark.anyio

WORKFLOWS = "/api/v1/workflows"
TEXT = """\
title: Hello
description: Says hello.
thumbnail: picture.svg
inputs:
  name: {default: world}
  times: {type: integer, min: 1, default: 1}
  data: {type: file, required: false}
  where: {type: cluster, workspace: true, required: false}
  queue: {type: partition, required: false}
  token: {type: secret, required: false}
run: [python, main.py]
outputs: ["*.txt"]
presets: {many: {times: 9}}
"""
FILES = {
    "workflow.yaml": TEXT,
    "main.py": "print('hello')\n",
    "README.md": "# Hello\n<script>alert(1)</script>\n",
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
}


def archive(files: Mapping[str, str] = FILES) -> dict[str, Any]:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return {"files": {"archive": ("hello.tar.gz", data.getvalue())}}


@pytest.fixture
async def hello(user: httpx2.AsyncClient) -> str:
    """Install ``hello`` as uma; return its path."""
    answer = await user.post(WORKFLOWS, **archive())
    assert answer.status_code == 201, answer.text
    return f"{WORKFLOWS}/hello"


async def test_an_archive_becomes_a_workflow_of_its_sender(
    user: httpx2.AsyncClient, hello: str
) -> None:
    found = (await user.get(hello)).json()
    assert (found["name"], found["version"], found["title"]) == ("hello", 1, "Hello")
    assert found["owner"] == "uma"
    assert found["source"]["kind"] == "archive"
    assert found["has_readme"] and found["has_thumbnail"]
    assert found.pop("definition")["run"] == ["python", "main.py"]
    assert (await user.get(WORKFLOWS)).json()["items"] == [found]
    assert (await user.get(f"{hello}/versions")).json()["items"] == [found]


async def test_the_name_may_be_chosen_and_is_taken_once(user: httpx2.AsyncClient) -> None:
    answer = await user.post(f"{WORKFLOWS}?name=mine", **archive())
    assert answer.json()["name"] == "mine"
    again = await user.post(f"{WORKFLOWS}?name=mine", **archive())
    assert again.status_code == 409
    assert again.json()["code"] == "workflow-exists"


async def test_others_do_not_know_of_it_before_a_grant(
    user: httpx2.AsyncClient, other_user: httpx2.AsyncClient, hello: str
) -> None:
    for path in ("", "/versions", "/form", "/readme", "/thumbnail", "/presets"):
        assert (await other_user.get(hello + path)).status_code == 404, path
    assert (await other_user.delete(hello)).status_code == 404
    assert (await other_user.post(f"{hello}/update")).status_code == 404
    assert (await other_user.get(WORKFLOWS)).json()["items"] == []
    grant = {"kind": "workflow", "object": "hello", "user": "otto", "right": "use"}
    assert (await user.post("/api/v1/grants", json=grant)).status_code == 201
    assert (await other_user.get(hello)).status_code == 200
    assert (await other_user.post(f"{hello}/check", json={"inputs": {}})).status_code == 200
    assert (await other_user.post(f"{hello}/update")).status_code == 403
    assert (await other_user.delete(hello)).status_code == 403


async def test_a_viewer_installs_nothing(viewer: httpx2.AsyncClient) -> None:
    assert (await viewer.post(WORKFLOWS, **archive())).status_code == 403


async def test_only_administrators_name_a_folder_of_the_server(
    admin: httpx2.AsyncClient, user: httpx2.AsyncClient, tmp_path: Path
) -> None:
    folder = tmp_path / "flow"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    asked = {"path": str(folder)}
    assert (await user.post(WORKFLOWS, json=asked)).status_code == 403
    assert (await admin.post(WORKFLOWS, json=asked)).json()["name"] == "flow"
    (folder / "main.py").write_text("print('other')\n")
    assert (await admin.post(f"{WORKFLOWS}/flow/update")).json()["version"] == 2


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "ext::sh -c id", "--upload-pack=id", "/etc", "https://a:b@host/x", "host"],
)
async def test_git_over_the_api_reads_no_disk_and_runs_nothing(
    admin: httpx2.AsyncClient, url: str
) -> None:
    answer = await admin.post(WORKFLOWS, json={"git": url})
    assert answer.status_code == 422
    assert answer.json()["code"] == "definition-error"


async def test_a_file_repository_installed_here_is_not_fetched_by_a_user(
    user: httpx2.AsyncClient, server: ServerInTest, tmp_path: Path
) -> None:
    """What the command line has taken from a disk, a user of the API may not have read again."""
    from towline.workflows import FromGit

    repository = tmp_path / "repository"
    repository.mkdir()
    for name, text in FILES.items():
        (repository / name).write_text(text)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    Catalog().add(FromGit(repository.as_uri(), local=True), "local")
    await server.services.access.directory.own("workflow", "local", "uma")
    assert (await user.post(f"{WORKFLOWS}/local/update")).status_code == 422


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"git": "https://h/x", "path": "/x"}, ""),
        ({"git": "https://h/x", "reff": "x"}, "reff"),
        ({"git": 3}, "git"),
    ],
)
async def test_a_wrong_request_says_where(
    admin: httpx2.AsyncClient, body: dict[str, Any], path: str
) -> None:
    answer = await admin.post(WORKFLOWS, json=body)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]]


async def test_other_bodies_are_refused(user: httpx2.AsyncClient) -> None:
    text = await user.post(WORKFLOWS, content=b"x", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415
    empty = await user.post(WORKFLOWS, files={"other": ("a", b"x")})
    assert empty.status_code == 422
    big = await user.post(
        WORKFLOWS, content=b" " * (2 << 20), headers={"Content-Type": "application/json"}
    )
    assert big.status_code == 413
    broken = await user.post(WORKFLOWS, files={"archive": ("a.zip", b"x")})
    assert "cannot be unpacked" in broken.json()["cause"]


async def test_an_update_makes_a_version_when_something_has_changed(
    user: httpx2.AsyncClient, hello: str
) -> None:
    assert (await user.post(f"{hello}/update", **archive())).json()["version"] == 1
    changed = {**FILES, "main.py": "print(2)\n"}
    assert (await user.post(f"{hello}/update", **archive(changed))).json()["version"] == 2
    assert (await user.get(f"{hello}?version=1")).json()["version"] == 1
    assert (await user.get(f"{hello}?version=3")).status_code == 404
    pages = (await user.get(f"{hello}/versions?limit=1")).json()
    assert [item["version"] for item in pages["items"]] == [2]
    rest = (await user.get(f"{hello}/versions?limit=1&cursor={pages['next_cursor']}")).json()
    assert [item["version"] for item in rest["items"]] == [1]
    again = await user.post(f"{hello}/update")
    assert "cannot be fetched again" in again.json()["cause"]


async def test_a_removed_workflow_leaves_no_rights_behind(
    user: httpx2.AsyncClient, admin: httpx2.AsyncClient, hello: str, server: ServerInTest
) -> None:
    assert (await user.delete(hello)).status_code == 204
    assert (await user.get(hello)).status_code == 404
    assert server.services.access.directory.owner_of("workflow", "hello") is None
    entries = (await admin.get("/api/v1/audit")).json()["items"]
    actions = [entry["action"] for entry in entries if entry["object"] == "hello"]
    assert sorted(actions) == ["workflow.delete", "workflow.install"]


async def test_the_form_offers_the_clusters_that_one_may_use(
    user: httpx2.AsyncClient, admin: httpx2.AsyncClient, hello: str, server: ServerInTest
) -> None:
    """Partitions are those that were seen last; nothing is asked of a cluster."""
    from towline.clusters import ClusterFacts, ClusterStore, Partition, define
    from towline.clusters.facts_cache import remember_facts

    for name in ("hers", "his"):
        definition = define(name, host="192.0.2.1")
        ClusterStore().add(definition)
        facts = ClusterFacts(partitions=(Partition(name="compute", nodes=4),), observed_at=1.0)
        remember_facts(definition, facts)
    await server.services.access.directory.own("cluster", "hers", "uma")
    schema = (await user.get(f"{hello}/form")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    where = schema["properties"]["where"]["x-ui"]["choices"]
    assert [choice["value"] for choice in where] == ["local", "hers"]
    queue = schema["properties"]["queue"]["x-ui"]["choices_by_cluster"]
    assert queue == {"hers": [{"value": "compute", "label": "compute", "note": "4 nodes"}]}
    everything = (await admin.get(f"{hello}/form")).json()
    choices = everything["properties"]["where"]["x-ui"]["choices"]
    assert [choice["value"] for choice in choices] == ["local", "hers", "his"]


async def test_inputs_are_checked_as_a_launch_would(user: httpx2.AsyncClient, hello: str) -> None:
    good = await user.post(
        f"{hello}/check", json={"inputs": {"times": "3", "token": "hunter2"}, "preset": "many"}
    )
    assert good.json()["inputs"]["times"] == 3
    assert good.json()["inputs"]["token"] == {"secret": True}
    assert "hunter2" not in good.text
    bad = await user.post(f"{hello}/check", json={"inputs": {"times": 0, "nme": 1}})
    assert bad.status_code == 422
    assert bad.json()["code"] == "inputs-wrong"
    assert {error["path"]: error["message"] for error in bad.json()["errors"]} == {
        "times": "must be at least 1, not 0",
        "nme": "is no input of this workflow; did you mean 'name'?",
    }
    unknown = await user.post(f"{hello}/check", json={"inputs": {"where": "nowhere"}})
    assert unknown.json()["errors"][0]["message"] == "names no cluster that is defined: 'nowhere'"


async def test_presets_are_ones_own(
    user: httpx2.AsyncClient, admin: httpx2.AsyncClient, hello: str
) -> None:
    kept = await user.put(f"{hello}/presets/mine", json={"inputs": {"times": 2}})
    assert kept.json() == {"name": "mine", "own": True, "inputs": {"times": 2}}
    mine = (await user.get(f"{hello}/presets")).json()
    assert [(each["name"], each["own"]) for each in mine] == [("many", False), ("mine", True)]
    theirs = (await admin.get(f"{hello}/presets")).json()
    assert [each["name"] for each in theirs] == ["many"]
    checked = await user.post(f"{hello}/check", json={"preset": "mine"})
    assert checked.json()["inputs"]["times"] == 2
    secret = await user.put(f"{hello}/presets/x", json={"inputs": {"token": "hunter2"}})
    assert secret.status_code == 422
    assert "hunter2" not in secret.text
    assert (await user.put(f"{hello}/presets/many", json={"inputs": {}})).status_code == 422
    assert (await user.put(f"{hello}/presets/a%20b", json={"inputs": {}})).status_code == 422
    assert (await user.delete(f"{hello}/presets/mine")).status_code == 204
    assert (await user.delete(f"{hello}/presets/mine")).status_code == 404


async def test_readme_and_picture_run_nothing_in_a_browser(
    user: httpx2.AsyncClient, hello: str
) -> None:
    readme = await user.get(f"{hello}/readme")
    assert readme.headers["content-type"].startswith("text/plain")
    assert readme.text == FILES["README.md"]
    picture = await user.get(f"{hello}/thumbnail")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.headers["x-content-type-options"] == "nosniff"
    same = await user.get(f"{hello}/thumbnail", headers={"If-None-Match": picture.headers["etag"]})
    assert same.status_code == 304


async def test_a_workflow_without_readme_says_so(user: httpx2.AsyncClient) -> None:
    files = {"workflow.yaml": "run: [python, main.py]\n", "main.py": ""}
    assert (await user.post(WORKFLOWS, **archive(files))).status_code == 201
    assert (await user.get(f"{WORKFLOWS}/hello/readme")).status_code == 404
    assert (await user.get(f"{WORKFLOWS}/hello/thumbnail")).status_code == 404


async def test_an_upload_is_what_a_file_field_takes(
    user: httpx2.AsyncClient, other_user: httpx2.AsyncClient, hello: str, server: ServerInTest
) -> None:
    sent = await user.post("/api/v1/uploads", files={"file": ("../../my data.csv", b"1,2\n")})
    assert sent.status_code == 201
    upload = sent.json()
    assert (upload["name"], upload["size"]) == ("my data.csv", 4)
    good = await user.post(f"{hello}/check", json={"inputs": {"data": upload["id"]}})
    assert good.json()["inputs"]["data"] == "inputs/data/my data.csv"
    for theirs in (upload["id"], "/etc/passwd", "inputs/x", f"{upload['id']}/../x"):
        answer = await other_user.post(f"{hello}/check", json={"inputs": {"data": theirs}})
        assert answer.status_code == 404
    for other in ("/etc/passwd", "upload-" + "0" * 32, upload["id"] + "/.."):
        answer = await user.post(f"{hello}/check", json={"inputs": {"data": other}})
        assert answer.status_code == 422, other
    prepared = prepare(
        Catalog().load("hello"),
        {"data": upload["id"]},
        find_file=server.services.uploads.finder("uma"),
    )
    copy = prepared.folder.work / "inputs" / "data" / "my data.csv"
    assert copy.read_bytes() == b"1,2\n"
    received = [p for p in server.services.uploads.folder.iterdir() if p.name.startswith(".")]
    assert received == [], "nothing half received stays"


async def test_an_upload_over_the_limit_is_refused(
    user: httpx2.AsyncClient, server: ServerInTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towline.server.uploads.MOST_OF_A_USER", 10)
    answer = await user.post("/api/v1/uploads", files={"file": ("a", b"x" * 11)})
    assert answer.status_code == 413
    assert list(server.services.uploads.folder.glob("*/upload-*")) == []


def test_old_uploads_are_forgotten(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    uploads.folder.mkdir()
    file = tmp_path / "uploads" / "received"
    file.write_text("x")
    upload = uploads.keep("uma", "a", file)
    folder = uploads.finder("uma")(upload.id).parent
    half = uploads.folder / ".received-x"  # its server was killed meanwhile
    half.write_text("x")
    for path in (folder, half):
        os.utime(path, (1, 1))
    uploads.forget_old()
    assert not half.exists()
    with pytest.raises(ValueError, match="over a day old"):
        uploads.finder("uma")(upload.id)


async def test_old_uploads_are_forgotten_though_nobody_sends_another(
    server: ServerInTest,
) -> None:
    old = server.services.uploads.folder / "uma" / f"upload-{'0' * 32}"
    old.mkdir(parents=True)
    os.utime(old, (1, 1))
    async with workflow_services(server.services):
        with anyio.fail_after(10):
            while old.exists():
                await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.csv", "a.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a.csv", "a.csv"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("", "file"),
        ("..", "file"),
        ("a\nb\0c", "a_b_c"),
        ("é" * 300, "é" * 100),
    ],
)
def test_of_a_sent_name_only_a_plain_one_is_kept(sent: str, kept: str) -> None:
    assert plain_name(sent) == kept


@pytest.mark.parametrize("body", ["[" * 100_000, '{"inputs": ' + '{"a":' * 50_000, "{", "nul", ""])
async def test_json_made_to_do_harm_is_refused(
    user: httpx2.AsyncClient, hello: str, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (f"{hello}/check", WORKFLOWS, f"{hello}/update"):
        answer = await user.post(path, content=body.encode(), headers=headers)
        assert answer.status_code in (200, 400, 422), (path, answer.text)
