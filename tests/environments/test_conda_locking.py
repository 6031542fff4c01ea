"""Locks of conda environments: solved once, repeated until the request changes."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import parsl
import pytest

from environments.conda_channel import CondaChannel
from environments.index_server import wheel_of_installed
from towline.environments.cluster_side import silent
from towline.environments.conda import plan_conda
from towline.environments.locks import LockStore
from towline.errors import DefinitionError, EnvironmentBuildFailed, EnvironmentMismatch

MINOR = ".".join(platform.python_version_tuple()[:2])


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A workspace of the test's own, so that nothing is locked yet."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "workspace"))


@pytest.fixture
def plan(machine, own_home):
    """Return what plans for a machine with these facts."""

    def make(request, report=silent, **facts):
        return plan_conda(request, machine.facts(**facts), "onprem", report)

    return make


def lines(plan):
    return [line.partition(" ")[0] for line in plan.lock.lines]


def test_what_cannot_be_solved_is_said_in_the_solvers_words(environment_file, plan):
    with pytest.raises(EnvironmentBuildFailed) as raised:
        plan(environment_file("app", "greeting >=2"))
    said = raised.value.cause
    assert "cannot be solved for linux-64" in said
    assert "app 1.0 would require" in said
    assert "greeting <2" in said


def test_a_system_that_is_too_old_is_said_by_its_number(environment_file, plan):
    with pytest.raises(EnvironmentBuildFailed) as raised:
        plan(environment_file("of-a-newer-system"), glibc="2.28")
    assert "__glibc=2.28" in raised.value.cause
    assert "__glibc >=99, for which no candidates were found" in raised.value.cause


def test_what_the_nodes_have_can_be_said(environment_file, plan):
    with pytest.raises(EnvironmentBuildFailed, match="__cuda >=12"):
        plan(environment_file("for-gpus"))
    found = plan(environment_file("for-gpus", virtual_packages=("__cuda=12.4",)))
    assert "for-gpus=1.0=test_0" in lines(found)


def test_another_python_stops_before_anything_is_solved(environment_file, plan):
    with pytest.raises(EnvironmentMismatch, match="cannot cross minor versions"):
        plan(environment_file("python=3.9"))
    with pytest.raises(EnvironmentMismatch, match=r"python 3\.9 is asked for"):
        plan(environment_file("app", python="3.9"))


def test_a_channel_that_is_not_there_is_named(environment_file, plan, tmp_path):
    request = environment_file("app")
    path = Path(request.spec)
    path.write_text(f"channels: [{tmp_path}/gone]\ndependencies: [app]\n")
    with pytest.raises(EnvironmentBuildFailed, match="a channel cannot be read") as raised:
        plan(request)
    assert f"{tmp_path}/gone" in raised.value.cause


class TestRepeated:
    """The same request is the same packages, whatever the channel has by now."""

    @pytest.fixture
    def moving(self, channel, tmp_path):
        folder = tmp_path / "moving"
        shutil.copytree(channel.folder, folder)
        return CondaChannel(folder)

    @pytest.fixture
    def request_(self, environment_file, moving):
        request = environment_file("greeting")
        path = Path(request.spec)
        text = path.read_text().splitlines()
        path.write_text("\n".join(["channels:", f"  - {moving.folder}", *text[2:], ""]))
        return request

    @pytest.fixture
    def newer(self, moving):
        def publish():
            moving.add("greeting", "3.0", needs=(f"python {MINOR}.*",))
            moving.index()

        return publish

    def test_a_newer_package_is_not_taken_until_it_is_asked_for(self, request_, plan, newer):
        first = plan(request_)
        assert "greeting=2.0=test_0" in lines(first)
        newer()
        assert plan(request_).environment.key == first.environment.key
        again = plan(request_.model_copy(update={"update": "relock"}))
        assert "greeting=3.0=test_0" in lines(again)
        assert again.environment.key != first.environment.key
        assert plan(request_).environment.key == again.environment.key

    def test_a_changed_file_is_solved_anew(self, request_, plan, newer):
        first = plan(request_)
        newer()
        with Path(request_.spec).open("a") as file:
            file.write("  - scripts\n")
        second = plan(request_)
        assert {"greeting=3.0=test_0", "scripts=1.0=test_0"} <= set(lines(second))
        assert second.lock.request_id != first.lock.request_id

    def test_a_comment_in_the_file_changes_nothing(self, request_, plan, newer):
        first = plan(request_)
        newer()
        with Path(request_.spec).open("a") as file:
            file.write("# said again\nname: other\n")
        assert plan(request_).lock == first.lock

    def test_a_channel_that_is_down_does_not_stop_what_is_locked_and_downloaded(
        self, request_, plan, moving, tmp_path
    ):
        first = plan(request_)
        for number in (1, 2):
            (tmp_path / f"made-{number}").mkdir()
            list(first.layers[0].fill(tmp_path / f"made-{number}"))
            shutil.rmtree(moving.folder, ignore_errors=True)
        assert plan(request_).environment.key == first.environment.key
        assert (tmp_path / "made-2/bin/python").exists()

    def test_never_means_never(self, request_, plan):
        never = request_.model_copy(update={"update": "never"})
        with pytest.raises(DefinitionError, match="has no lock for this cluster"):
            plan(never)
        first = plan(request_)
        assert plan(never).lock == first.lock

    def test_a_lock_that_was_damaged_is_made_again(self, request_, plan):
        first = plan(request_)
        path = LockStore().folder / f"{first.lock.request_id}.json"
        path.write_text(path.read_text().replace('\\"records\\"', '\\"recrods\\"'))
        assert plan(request_).environment.key == first.environment.key

    def test_the_key_names_the_place_too(self, request_, plan):
        """It is written into the files."""
        first = plan(request_)
        other = plan(request_.model_copy(update={"root": "/scratch/envs"}))
        assert other.lock == first.lock
        assert other.environment.key != first.environment.key


def test_pip_brings_the_parsl_that_the_channel_has_not(environment_file, plan, channel, tmp_path):
    """The rest still comes from the channel; nothing is installed twice."""
    folder = tmp_path / "without"
    shutil.copytree(channel.folder, folder)
    for path in folder.glob("*/parsl-*.conda"):
        path.unlink()
    CondaChannel(folder).index()
    wheel_of_installed(tmp_path, "parsl")
    needed = [line.split("=")[0] for line in plan(environment_file("python")).lock.lines]
    packages = [name for name in needed if name != "parsl"]
    request = environment_file(*packages, pip=("--no-index", f"--find-links {tmp_path}"))
    path = Path(request.spec)
    path.write_text(path.read_text().replace(str(channel.folder), str(folder)))
    told = []
    found = plan(request, lambda event, **facts: told.append(facts.get("text", "")))
    brought = [line for line in found.lock.lines if line.startswith("pip:")]
    assert [line.partition(" ")[0] for line in brought] == [f"pip:parsl=={parsl.__version__}"]
    assert any("pip brings it" in text for text in told)
