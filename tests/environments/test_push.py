"""Archives streamed to a machine: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from towline.environments.archive import archive_of
from towline.environments.cluster_side import silent
from towline.environments.plan import Layer
from towline.environments.push import Cargo, push, push_cargo
from towline.errors import (
    ConnectionDropped,
    CopyFailed,
    EnvironmentBuildFailed,
    NoSpace,
    ReachError,
)


@pytest.fixture(scope="module")
def layer():
    """Return a folder with a big file that does not compress, a small one, and its lock."""

    def fill(folder):
        (folder / "data").mkdir()
        (folder / "data/big").write_bytes(os.urandom(3_000_000))
        (folder / "data/small").write_text("small")
        (folder / "lock.json").write_text("{}")
        return []

    return Layer("layer-1", "layer-1", fill, finish='[ -s "$1/data/big" ]')


@pytest.fixture
def archive(layer):
    return archive_of(layer, silent)


@pytest.fixture
def envs(machine):
    return machine.home / "envs"


def bring(layer, archive, machine, **changes):
    root = changes.pop("root", f"{machine.home}/envs")
    return push(replace(layer, **changes), archive, machine, root, "onprem", silent)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_layer_arrives_private_and_whole(layer, archive, machine, envs):
    assert bring(layer, archive, machine).installed
    assert (envs / "layer-1/data/small").read_text() == "small"
    assert (envs / "layer-1/.complete").exists()
    assert (envs / "layer-1").stat().st_mode & 0o077 == 0


def test_of_four_that_race_one_wins_and_all_are_content(layer, archive, machine, envs):
    """The losers end without a trace and without an error."""
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: bring(layer, archive, machine), range(4)))
    assert [result.installed for result in results].count(True) >= 1
    assert names(envs) == ["layer-1"]
    assert names(envs / "layer-1") == [".complete", ".last_used", "data", "lock.json"]


def test_a_loser_leaves_the_winners_folder_alone(layer, archive, machine, envs):
    """The race at its closest: the winner appears between the look and the rename."""
    finish = 'mkdir "$2" && : >"$2/.complete" && : >"$2/winner"'
    bring(layer, archive, machine, finish=finish)
    assert names(envs) == ["layer-1"]
    assert names(envs / "layer-1") == [".complete", "winner"]


@pytest.mark.parametrize("winner", [True, False])
def test_a_mv_that_knows_no_such_option_serves_too(layer, archive, machine, envs, winner):
    """Without -T, mv would move the new folder into an existing one."""
    tools = machine.home / "tools"
    tools.mkdir()
    (tools / "mv").write_text('#!/bin/sh\n[ "$1" != -T ] || exit 64\nexec /bin/mv "$@"\n')
    (tools / "mv").chmod(0o755)
    machine.path = f"{tools}:{machine.path}"
    finish = 'mkdir "$2" && : >"$2/.complete"' if winner else ":"
    bring(layer, archive, machine, finish=finish)
    assert names(envs) == ["layer-1"]
    assert ("data" in names(envs / "layer-1")) is not winner


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9999])
def test_a_stream_that_breaks_off_leaves_nothing(layer, archive, machine, envs, tmp_path, share):
    cut = tmp_path / "cut"
    whole = archive.path.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CopyFailed, match="did not arrive whole") as raised:
        bring(layer, replace(archive, path=cut), machine)
    assert raised.value.next_step == "try again"
    assert names(envs) == []


def test_a_flipped_bit_leaves_nothing(layer, archive, machine, envs, tmp_path):
    damaged = bytearray(archive.path.read_bytes())
    damaged[len(damaged) // 2] ^= 0x10
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(CopyFailed):
        bring(layer, replace(archive, path=tmp_path / "damaged"), machine)
    assert names(envs) == []


def test_a_connection_that_dies_in_the_middle_leaves_nothing(layer, archive, machine, envs):
    """The far side sees the end of its input, as when ssh is killed."""
    login = machine.argv

    def dying(command):
        return ["sh", "-c", 'head -c 1500000 | "$@"; exit 255', "dying", *login(command)]

    machine.argv = dying
    with pytest.raises((ReachError, CopyFailed)):
        bring(layer, archive, machine)
    assert names(envs) == []


def test_a_far_side_that_hears_nothing_more_gives_up_by_itself(
    layer, archive, machine, envs, monkeypatch
):
    """As when the network is gone and nobody tells the daemon there: its input stays open."""
    monkeypatch.setattr("towline.environments.push.SILENCE_SECONDS", 2)
    fifo = machine.home / "way"
    os.mkfifo(fifo)
    open_end = os.open(fifo, os.O_RDWR)
    login = machine.argv
    far = []

    def lost(command):
        far.append(subprocess.Popen(login(command), stdin=open_end, stdout=subprocess.PIPE))
        return ["sh", "-c", f"head -c 1500000 >'{fifo}'; exit 255"]

    machine.argv = lost
    with pytest.raises(ReachError):
        bring(layer, archive, machine)
    said = far[0].communicate(timeout=60)[0]
    os.close(open_end)
    assert b"@@refused=tar" in said
    assert names(envs) == []


def test_a_killed_far_side_cleans_up_after_itself(layer, archive, machine, envs):
    with pytest.raises(CopyFailed, match="without an answer"):
        bring(layer, archive, machine, finish='kill -TERM "$PPID"; sleep 0.1')
    assert names(envs) == []


def test_too_small_a_disk_is_known_before_a_byte_is_written(layer, archive, small_disk):
    big = replace(archive, unpacked_bytes=50_000_000)
    with pytest.raises(
        NoSpace, match=r"takes 4\d MiB in 4 files, but .*/envs has 1\d MiB free"
    ) as e:
        bring(layer, big, small_disk)
    assert "towline env gc onprem" in e.value.next_step


def test_a_disk_that_fills_up_on_the_way_is_called_full(layer, archive, small_disk):
    """As with a quota, which `df` does not show."""
    small_disk.run("dd if=/dev/zero of=filler bs=1M count=10 2>/dev/null")
    with pytest.raises(NoSpace, match=r"full .*No space left on device"):
        bring(layer, replace(archive, unpacked_bytes=0, files=0), small_disk)
    assert small_disk.run("ls -A envs").stdout == ""


def test_a_home_that_cannot_be_written_is_named(layer, archive, read_only):
    with pytest.raises(EnvironmentBuildFailed, match=r"Read-only file system") as raised:
        bring(layer, archive, read_only)
    assert "set a root" in raised.value.next_step


def test_what_killed_pushes_left_is_swept_after_a_day(layer, archive, machine, envs):
    """Younger ones may be another push at work."""
    for name, day in (("old.tmp.abc", 2 * 86400), ("young.tmp.def", 0)):
        (envs / name).mkdir(parents=True)
        moment = (envs / name).stat().st_mtime - day
        os.utime(envs / name, (moment, moment))
    bring(layer, archive, machine)
    assert names(envs) == ["layer-1", "young.tmp.def"]


def test_a_layer_that_is_of_no_use_there_is_not_switched_in(layer, archive, machine, envs):
    with pytest.raises(EnvironmentBuildFailed, match="does not work there: no luck"):
        bring(layer, archive, machine, finish="echo @@said=no luck; exit 4")
    assert names(envs) == []


def test_every_login_shell_reads_the_command_alike(layer, archive, machine):
    """One line, without what csh or fish would take for themselves."""
    commands = []
    login = machine.argv
    machine.argv = lambda command: commands.append(command) or login(command)
    bring(layer, archive, machine)
    (command,) = commands
    assert "\n" not in command
    assert "!" not in command
    assert len(command) < 200


def test_long_work_without_a_word_is_no_silence_where_it_is_expected(machine, monkeypatch):
    """As when a large image is unpacked: the far side says that it is alive."""
    monkeypatch.setattr("towline.environments.push.SILENCE_SECONDS", 3)
    body = machine.home / "body"
    body.write_bytes(b"x")
    take = 'cat >"$new/lock.json"; echo 0 >"$new/.reader-code"'
    cargo = Cargo("layer", body, 1, 1, take, finish="sleep 5", patience=60)
    root = f"{machine.home}/envs"
    assert push_cargo(cargo, machine, root, "onprem", silent).installed
    with pytest.raises(ConnectionDropped, match="said nothing for 3 s"):
        push_cargo(replace(cargo, name="other", patience=0), machine, root, "onprem", silent)


def test_long_work_is_done_by_one_of_those_that_race(layer, archive, machine, envs):
    """As when an image is built there: it is whole before the next one begins."""
    count = machine.home / "count"
    count.touch()
    finish = f'echo made >>"{count}"; sleep 0.5'
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(bring, layer, archive, machine, finish=finish, patience=60)
            for _ in range(3)
        ]
        assert sorted(job.result().installed for job in jobs) == [False, False, True]
    assert count.read_text() == "made\n"
    assert names(envs) == ["layer-1"]
