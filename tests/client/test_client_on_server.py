"""The client with a real server: the talk's script, restarts in its middle, wrong keys."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import towline
from towline import Client
from towline.cli._api import api
from towline.client import AsyncClient
from towline.client.models import ENDED
from towline.errors import InputsWrong, NotAuthorised, RunFailed, ServerUnreachable

from .server_process import ServerProcess

ROOT = Path(towline.__file__).parents[2]


def test_the_script_of_the_talk_in_five_lines(own: ServerProcess, tmp_path: Path) -> None:
    with Client() as client:
        client.clusters["here"].start().wait()
        run = client.workflows["greet"].launch(inputs={"name": "Ann"})
        print("".join(run.follow()), end="")
        run.download(tmp_path)

    assert (tmp_path / "greeting.txt").read_text() == "hello Ann\n"
    with Client() as client:
        assert client.clusters["here"].wait("off", timeout=20).info().desired == "off"
        assert run.number in [each.number for each in client.runs.find(workflow="greet")]


def test_a_cluster_that_was_on_before_stays_on(own: ServerProcess) -> None:
    client = Client()
    client.clusters["here"].start().wait(timeout=20)

    with Client() as other:
        other.clusters["here"].start().wait()

    assert client.clusters["here"].info().on
    stopped = client.stop_what_i_started()
    assert (stopped.clusters, stopped.left_on) == (("here",), {})
    client.clusters["here"].wait("off", timeout=20)
    client.close()


def test_a_log_goes_on_where_it_was_when_the_server_is_killed_twice(
    own: ServerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    client = Client()
    run = client.workflows["waits"].launch({"gate": str(gate)})
    texts = []
    seen = threading.Event()

    def follow() -> None:
        for text in run.follow():
            texts.append(text)
            seen.set()

    following = threading.Thread(target=follow)
    following.start()
    assert seen.wait(20)
    for _ in range(2):
        own.kill()
        own.start()
    gate.touch()
    following.join(30)

    assert "".join(texts) == "before\nafter éè " + "x" * 100 + "\n"
    assert run.wait(timeout=20).state == "succeeded"
    assert run.log() == "".join(texts)
    client.close()


def test_a_run_that_fails_raises_only_when_asked_to(own: ServerProcess) -> None:
    client = Client()
    run = client.workflows["fails"].launch()

    assert run.wait(timeout=20).state == "failed"
    with pytest.raises(RunFailed) as error:
        run.wait(check=True)
    assert error.value.exit_code == 1
    assert run.log("stderr") == "no luck\n"
    client.close()


def test_wrong_inputs_are_said_by_field_and_launch_nothing(own: ServerProcess) -> None:
    client = Client()
    before = len(client.runs.find())

    with pytest.raises(InputsWrong) as error:
        client.workflows["greet"].launch({"nam": "Ann"})

    assert "nam" in str(error.value)
    assert len(client.runs.find()) == before
    client.close()


def test_one_key_launches_once_from_two_clients(own: ServerProcess) -> None:
    first, second = Client(), Client()

    runs = [
        client.workflows["greet"].launch({"name": "Bo"}, key="the-same")
        for client in (first, second)
    ]

    assert runs[0].number == runs[1].number
    first.close()
    second.close()


def test_a_cancelled_run_ends_and_its_client_stops_it_only_when_asked(
    own: ServerProcess, tmp_path: Path
) -> None:
    with Client() as client:
        left = client.workflows["waits"].launch({"gate": str(tmp_path / "never")})
    with Client(stop_runs=True) as client:
        assert client.runs[left.number].info().state not in ENDED
        mine = client.workflows["waits"].launch({"gate": str(tmp_path / "never")})

    with Client() as client:
        assert client.runs[mine.number].info().state == "cancelled"
        assert client.runs[left.number].cancel().wait(timeout=20).state == "cancelled"


def test_a_wrong_key_and_a_server_that_is_not_there_are_told_apart(own: ServerProcess) -> None:
    with pytest.raises(NotAuthorised):
        Client(own.url, "tl_wrong_" + "x" * 43).me()
    with pytest.raises(ServerUnreachable):
        Client("http://localhost:1", "tl_any_" + "x" * 43).me()


def test_no_proxy_of_a_site_comes_between_a_user_and_the_own_server(
    own: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be given the key, readable, and could not find the server."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with Client() as client:
        assert client.me().via == "local"
    with api(None) as call:
        assert call("GET", "/me")["via"] == "local"


def test_a_key_that_may_only_read_is_refused_with_the_scope_it_lacks(own: ServerProcess) -> None:
    client = Client(own.url, own.make_key("read"))

    with pytest.raises(NotAuthorised, match="scope run"):
        client.workflows["greet"].launch({"name": "x"})
    client.close()


@pytest.mark.anyio
async def test_the_twin_for_event_loops_does_the_same(own: ServerProcess, tmp_path: Path) -> None:
    async with AsyncClient() as client:
        cluster = await client.clusters["here"].start()
        await cluster.wait(timeout=20)
        run = await client.workflows["greet"].launch(inputs={"name": "Ann"})
        text = "".join([part async for part in run.follow()])
        await run.wait(timeout=20, check=True)
        files = await run.download(tmp_path)

    assert text == "hello Ann\n"
    assert [file.name for file in files] == ["greeting.txt"]
    with pytest.raises(NotAuthorised):
        await AsyncClient(own.url, "tl_wrong_" + "x" * 43).me()


def test_the_synchronous_client_is_made_from_the_asynchronous_one() -> None:
    """After a change in _async: scripts/make_sync_client.py."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from make_sync_client import CLIENT, sync_twin
    finally:
        sys.path.pop(0)

    def meaning(text: str) -> str:
        tree = ast.parse(text)
        tree.body = [n for n in tree.body if not isinstance(n, ast.Import | ast.ImportFrom)]
        return ast.dump(tree)

    for path in (CLIENT / "_async").glob("*.py"):
        twin = (CLIENT / "_sync" / path.name).read_text()
        assert meaning(sync_twin(path.read_text())) == meaning(twin), path.name


def test_both_twins_have_the_same_doors() -> None:
    def doors(kind: type) -> dict[str, str]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {n: str(inspect.signature(m)) for n, m in members if not n.startswith("_")}

    assert doors(Client) == doors(AsyncClient)


def test_importing_the_client_imports_neither_parsl_nor_the_server() -> None:
    code = (
        "import sys; from towline import Client; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout

    assert "towline" in names
    assert not {"parsl", "fastapi", "sqlalchemy", "rich", "typer"} & set(names.split())
