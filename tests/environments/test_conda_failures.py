"""Conda environments that meet races, cuts, full disks, closed homes, and secrets."""

from __future__ import annotations

import base64
import functools
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from environments.conftest import Machine
from towline.environments import EnvironmentRequest, lock_record, realise
from towline.environments.conda import plan_conda
from towline.errors import (
    CopyFailed,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
    NoSpace,
    ReachError,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return one folder for all these environments, so that one archive serves all tests."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def request_(place, channel, tmp_path_factory):
    path = place.parent / f"{place.name}-environment.yml"
    path.write_text(f"channels: ['{channel.folder}']\ndependencies: [app]\n")
    return EnvironmentRequest(kind="conda", spec=str(path), root=f"{place}/envs")


@pytest.fixture
def here(place, a_machine, tmp_path):
    """Return this machine, its folder of environments empty."""
    shutil.rmtree(place / "envs", ignore_errors=True)
    return a_machine(tmp_path)


def names(place):
    return sorted(path.name for path in (place / "envs").glob("*"))


def test_four_that_race_bring_it_once(request_, here, place):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: realise(request_, here, here.facts()), range(4)))
    assert {environment.key for environment in made} == {made[0].key}
    assert names(place) == [made[0].key]
    assert here.run(f"{made[0].activation}\nwhere\n").stdout.strip() == made[0].prefix


def test_a_cut_in_the_middle_leaves_nothing_and_the_next_try_succeeds(request_, here, place):
    login = here.argv
    here.argv = lambda command: [
        "sh",
        "-c",
        'head -c 9000000 | "$@"; exit 255',
        "x",
        *login(command),
    ]
    with pytest.raises((ReachError, CopyFailed)):
        realise(request_, here, here.facts())
    assert names(place) == []
    here.argv = login
    key = realise(request_, here, here.facts()).key
    assert names(place) == [key]


def test_a_disk_that_is_too_small_is_known_before_a_byte_is_written(request_, place, namespace):
    small = Machine(place, namespace(f"mount -t tmpfs -o size=12m tmpfs '{place}'"))
    with pytest.raises(NoSpace, match=r"takes \d\d MiB in \d+ files, but .*envs has 1\d MiB free"):
        realise(request_, small, small.facts())
    assert small.run(f"ls -A {place}/envs").stdout == ""


def test_a_quota_that_is_reached_on_the_way_leaves_nothing(request_, place, namespace):
    """As `df` shows the disk and not the quota; here a `df` that knows nothing."""
    small = Machine(place, namespace(f"mount -t tmpfs -o size=30m tmpfs '{place}'"))
    tools = "mkdir -p tools; printf '#!/bin/sh\\n' >tools/df; chmod 755 tools/df"
    assert small.run(tools).exit_code == 0
    small.path = f"{place}/tools:{small.path}"
    with pytest.raises(NoSpace, match="No space left on device"):
        realise(request_, small, small.facts())
    assert small.run(f"ls -A {place}/envs").stdout == ""


def test_a_home_that_cannot_be_written_is_named(request_, place, namespace):
    closed = Machine(place, namespace(f"mount -t tmpfs -o ro tmpfs '{place}'"))
    with pytest.raises(EnvironmentBuildFailed, match="Read-only file system") as raised:
        realise(request_, closed, closed.facts())
    assert "set a root" in raised.value.next_step


def test_a_file_system_without_programs_is_named(request_, here, place):
    with pytest.raises(EnvironmentMismatch, match="noexec"):
        realise(request_, here, here.facts(noexec=True))
    assert names(place) == []


def test_what_cannot_be_solved_is_said_in_one_line(channel, here, tmp_path):
    """The solver's words are a tree of lines; a log and a table have one for an error."""
    path = tmp_path / "environment.yml"
    path.write_text(
        f"channels: ['{channel.folder}']\ndependencies: [app, greeting=2.0, of-a-newer-system]\n"
    )
    with pytest.raises(EnvironmentBuildFailed, match="cannot be solved for") as raised:
        realise(EnvironmentRequest(kind="conda", spec=str(path)), here, here.facts())
    assert "\n" not in raised.value.cause
    assert "__glibc" in raised.value.cause or "greeting" in raised.value.cause
    assert not any(mark in raised.value.cause for mark in "│├└─")


def test_a_user_without_a_name_may_make_one(channel, here, tmp_path, monkeypatch):
    """As in a container that knows its user by number only."""

    def nobody():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    path = tmp_path / "environment.yml"
    path.write_text(f"channels: ['{channel.folder}']\ndependencies: [greeting]\n")
    request = EnvironmentRequest(kind="conda", spec=str(path))
    made = lock_record(here, here.facts(), realise(request, here, here.facts()).key)
    assert made["built"]["by"] == str(os.getuid())


def test_without_the_library_the_command_that_installs_it_is_said(request_, here, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentBuildFailed) as raised:
        realise(request_, here, here.facts())
    assert raised.value.next_step == "python -m pip install 'towline[conda]'"


class _Guarded(SimpleHTTPRequestHandler):
    """Serves a channel to who has the log-in, or the token."""

    log_in = "Basic " + base64.b64encode(b"alice:s3cret-word").decode()

    def send_head(self):
        if "/t/s3cret-word/" in self.path:
            self.path = self.path.replace("/t/s3cret-word", "")
        elif self.headers.get("Authorization") != self.log_in:
            self.send_response(401)
            self.end_headers()
            return None
        return super().send_head()

    def log_message(self, *about: object) -> None:
        pass


@pytest.fixture(scope="module")
def guarded(channel):
    handler = functools.partial(_Guarded, directory=str(channel.folder.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("form", ["http://alice:s3cret-word@{}/{}", "http://{}/t/s3cret-word/{}"])
def test_a_secret_of_a_channel_gets_nowhere(form, guarded, channel, here, tmp_path, monkeypatch):
    """Not into the key, the lock, the record, an event, nor a file that is pushed."""
    home = tmp_path / "workspace"
    monkeypatch.setenv("TOWLINE_HOME", str(home))
    path = tmp_path / "environment.yml"
    url = form.format(f"127.0.0.1:{guarded}", channel.folder.name)
    path.write_text(f"channels: ['{url}']\ndependencies: [app]\n")
    told = []
    plan = plan_conda(
        EnvironmentRequest(kind="conda", spec=str(path)),
        here.facts(),
        "onprem",
        lambda event, **facts: told.append(str(facts)),
    )
    pushed = tmp_path / "pushed"
    pushed.mkdir()
    list(plan.layers[0].fill(pushed))
    assert (pushed / "bin/python").exists()
    assert told
    assert not [text for text in [*told, plan.layers[0].finish] if "s3cret" in text]
    for folder in (pushed, home / "state", home / "cache/environments"):
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                assert b"s3cret-word" not in file.read_bytes(), file
    # What holds the addresses on the workspace is the user's alone.
    assert (home / "cache/conda").stat().st_mode & 0o077 == 0


def test_a_channel_that_refuses_is_said_without_its_secret(guarded, channel, here, tmp_path):
    path = tmp_path / "environment.yml"
    url = f"http://alice:wr0ng-word@127.0.0.1:{guarded}/{channel.folder.name}"
    path.write_text(f"channels: ['{url}']\ndependencies: [app]\n")
    with pytest.raises(EnvironmentBuildFailed, match="401") as raised:
        realise(EnvironmentRequest(kind="conda", spec=str(path)), here, here.facts())
    assert "wr0ng-word" not in str(raised.value)
