"""Passwords of indexes and signatures of addresses stay in the workspace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from environments.index_server import Index, make_wheel, stand_in_for_parsl
from environments.uv.bringing import bring, lock_of, said_there
from towline.environments.realise import plan_of
from towline.errors import (
    EnvironmentBuildFailed,
    TowlineError,
)

SECRET = "hunter2-0123456789"  # noqa: S105 - of an index of the test's own


@pytest.fixture(params=["url", "variables", "netrc", "pip"])
def private(request, tmp_path, index, monkeypatch):
    """Serve an index with a password, which uv gets in one of four ways."""
    folder = tmp_path / "private"
    folder.mkdir()
    make_wheel(folder, "inner")
    stand_in_for_parsl(folder)
    with Index(folder, user="me", password=SECRET) as serving:
        monkeypatch.setenv("HOME", str(tmp_path))
        if request.param == "url":
            monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url_with_password)
        elif request.param == "variables":
            monkeypatch.setenv("UV_DEFAULT_INDEX", f"inner={serving.url}")
            monkeypatch.setenv("UV_INDEX_INNER_USERNAME", "me")
            monkeypatch.setenv("UV_INDEX_INNER_PASSWORD", SECRET)
        elif request.param == "netrc":
            monkeypatch.setenv("UV_DEFAULT_INDEX", serving.url)
            netrc = tmp_path / ".netrc"
            netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
            netrc.chmod(0o600)
            monkeypatch.setenv("NETRC", str(netrc))
        else:
            monkeypatch.delenv("UV_DEFAULT_INDEX")
            monkeypatch.delenv("PIP_CONFIG_FILE")
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
            conf = tmp_path / "config/pip/pip.conf"
            conf.parent.mkdir(parents=True)
            conf.write_text(f"[global]\nindex-url = {serving.url_with_password}\n")
        yield serving


def files_with(secret: str, *folders: Path) -> list[str]:
    answer = subprocess.run(
        ["grep", "-rlaF", secret, *map(str, folders)], capture_output=True, text=True
    )
    return answer.stdout.split()


def test_the_password_of_an_index_stays_in_the_workspace(machine, private, spec, tmp_path):
    """Asked of the files on both sides, of what is reported, and of the command lines."""
    reported: list[object] = []
    command_lines: list[str] = []

    def report(event: str, **facts: object) -> None:
        reported.append((event, facts))
        listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True)
        command_lines.append(listing.stdout)

    environment = bring(spec("inner\n"), machine, report=report)
    assert said_there(machine, environment, "import inner; print(inner.version)") == "1.0"
    assert private.refused or private.asked
    assert SECRET not in repr(reported) + repr(environment) + "".join(command_lines)
    home = Path(os.environ["TOWLINE_HOME"])
    assert files_with(SECRET, machine.home, home / "state") == []
    archives = list(home.glob("cache/environments/*.tar.gz"))
    unpacked = [subprocess.run(["gzip", "-dc", a], capture_output=True).stdout for a in archives]
    assert archives and not any(SECRET.encode() in text for text in unpacked)


def test_a_wrong_password_is_told_without_the_password(machine, index, spec, tmp_path, monkeypatch):
    folder = tmp_path / "private"
    folder.mkdir()
    with Index(folder, user="me", password=SECRET[::-1]) as serving:
        url = serving.url.replace("://", f"://me:{SECRET}@")
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        with pytest.raises(TowlineError) as raised:
            bring(spec("inner\n"), machine)
    assert SECRET not in str(raised.value)
    assert serving.refused


def test_a_signed_address_is_used_and_its_signature_kept_nowhere(machine, index, spec):
    """As object stores give them; also when the wheel is fetched again for a lock that is there."""
    wheel = make_wheel(index.folder, "signed")
    index.signature, index.signed = SECRET, (wheel.name,)
    address = f"http://127.0.0.1:{index.port}/files/{wheel.name}"
    request = spec(f"signed @ {address}?sig={SECRET}\n")
    environment = bring(request, machine)
    assert said_there(machine, environment, "import signed; print(signed.version)") == "1.0"
    home = Path(os.environ["TOWLINE_HOME"])
    assert files_with(SECRET, machine.home, home) == []
    assert f"{address}" in lock_of(environment, machine).text
    for archive in home.glob("cache/environments/*.tar.gz"):
        archive.unlink()
    machine.run("rm -rf .towline")
    os.environ["UV_CACHE_DIR"] += "-fresh"
    index.signature = SECRET[::-1]  # the old one has run out
    request = spec(f"signed @ {address}?sig={index.signature}\n", update="never")
    assert bring(request, machine).key == environment.key
    with pytest.raises(EnvironmentBuildFailed, match="the signature is never sent there"):
        plan_of(request.model_copy(update={"transport": "direct"}), machine.facts(), "onprem")
