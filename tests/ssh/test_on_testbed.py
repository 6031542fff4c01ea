"""The room on the testbed's controllers: faults that only a whole machine can have."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.errors import CommandTimedOut, ConnectionDropped, HostUnreachable, NoSpace
from towline.ssh import Connection, Destination
from towline.testbed import Testbed

from .loopback import wait_until

Reach = Callable[..., Connection]


@pytest.fixture
def reach(testbed: Testbed) -> Iterator[Reach]:
    """Return a maker of connections to the testbed, which are closed after the test."""
    made: list[Connection] = []

    def make(host: str, **fields: Any) -> Connection:
        made.append(Connection(Destination(host, host, config_file=testbed.ssh_config, **fields)))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.mark.parametrize("host", ["onprem", "cloud", "onprem-via-gate"])
def test_every_controller_answers(reach: Reach, host: str) -> None:
    assert reach(host).run("sinfo --noheader | wc -l", check=True).stdout.strip() >= "2"


def test_noisy_sites_words_are_dropped(reach: Reach) -> None:
    """Banner, and a ~/.bashrc that prints on both streams without a last newline."""
    result = reach("onprem", user="noisy").run("echo out; echo err >&2")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_full_disk_is_named_and_what_was_there_stays(
    healthy_testbed: Testbed, reach: Reach, tmp_path: Path
) -> None:
    connection = reach("onprem")
    new = tmp_path / "new"
    new.mkdir()
    (new / "f").write_text("old")
    connection.push_file(new / "f", "~/ssh-room/f")
    connection.push_tree(new, "~/ssh-room/t")
    (new / "f").write_bytes(os.urandom(8_000_000))
    with healthy_testbed.fill_disk("onprem", leave_bytes=1_000_000):
        for push in (
            lambda: connection.push_file(new / "f", "~/ssh-room/f"),
            lambda: connection.push_tree(new, "~/ssh-room/t"),
        ):
            with pytest.raises(NoSpace, match="No space left on device"):
                push()
        seen = connection.run("cd ~/ssh-room; cat f t/f; ls -A; rm -r ~/ssh-room", check=True)
    assert seen.stdout == "oldoldf\nt\n"


def test_frozen_network_times_out_and_goes_on_after_the_thaw(
    healthy_testbed: Testbed, reach: Reach
) -> None:
    connection = reach("cloud")
    connection.open()
    master = connection._master.pid()
    with healthy_testbed.freeze("cloud"), pytest.raises(CommandTimedOut, match="within 1 s"):
        connection.run("hostname", timeout=1)
    assert connection.run("echo thawed", timeout=30).stdout == "thawed\n"
    assert connection._master.pid() == master


def test_cut_in_the_middle_is_a_drop_and_the_way_back_is_found(
    healthy_testbed: Testbed, reach: Reach
) -> None:
    connection = reach("onprem")
    connection.open()
    started = threading.Event()

    def cut() -> None:
        started.wait(20)
        healthy_testbed.cut("onprem")

    cutting = threading.Thread(target=cut)
    cutting.start()
    script = "touch ~/ssh-room-started; sleep 60"
    watcher = threading.Thread(target=_wait_for_start, args=(reach("onprem"), started))
    watcher.start()
    with pytest.raises(ConnectionDropped, match="it may have had an effect"):
        connection.run(script, timeout=50)
    cutting.join()
    watcher.join()
    with pytest.raises(HostUnreachable):
        connection.run("true", timeout=10)
    healing = threading.Timer(1.0, healthy_testbed.restore, ("onprem",))
    healing.start()
    connection.open(timeout=30, patient=True)
    assert connection.run("rm ~/ssh-room-started && echo back").stdout == "back\n"
    healing.join()


def _wait_for_start(connection: Connection, started: threading.Event) -> None:
    look = "ls ~/ssh-room-started"
    wait_until(lambda: connection.run(look).exit_code == 0, "the command to start")
    started.set()


def test_power_cycled_controller_is_reached_again(healthy_testbed: Testbed, reach: Reach) -> None:
    connection = reach("cloud")
    before = connection.run("cat /proc/sys/kernel/random/boot_id; hostname").stdout
    healthy_testbed.power_cycle(_controller(healthy_testbed, "cloud"))
    connection.open(timeout=30, patient=True)
    assert connection.run("hostname", timeout=30).stdout in before


def _controller(testbed: Testbed, cluster: str) -> str:
    return next(host for host in testbed.hosts if host.startswith(cluster) and "ctl" in host)
