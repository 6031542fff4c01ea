"""``towline cluster on`` and ``off`` without a server."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from towline.clusters import ClusterStore
from towline.ssh import Connection
from towline.testbed import Testbed

from .command import Towline


@pytest.fixture(scope="module")
def elastic(testbed_can_run: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Boot a testbed whose one cluster is off."""
    with Testbed(tmp_path_factory.mktemp("elastic"), clusters=("elastic",)) as running:
        yield running


def add_elastic(towline: Towline, testbed: Testbed) -> None:
    """Define the cluster; its type has keys of its own."""
    setting = f"testbed={testbed.folder}"
    options = ("--type", "local-elastic", "--set", setting, "--no-check")
    added = towline("cluster", "add", "burst", *options)
    assert added.exit_code == 0, added.err


def test_a_cluster_is_booted_shown_and_given_back(towline: Towline, elastic: Testbed) -> None:
    """With words on the way, JSON at the end, and no removal of what is on."""
    add_elastic(towline, elastic)
    before = towline("cluster", "check", "burst")
    assert "is off" in before.out + before.err
    on = towline("cluster", "on", "burst", "--json")
    assert on.exit_code == 0, on.err
    assert on.data["state"] == "on"
    assert on.data["observation"]["registered_workers"] == 2
    refused = towline("cluster", "remove", "burst")
    assert refused.exit_code == 2
    assert "is on: nobody would switch it off any more" in refused.err
    off = towline("cluster", "off", "burst")
    assert off.out == "burst: off\n"
    assert not any(elastic.status()["hosts"][host] for host in ("elastic-ctl", "elastic-n1"))
    assert towline("cluster", "remove", "burst").exit_code == 0


def test_no_capacity_is_the_sites_no(towline: Towline, elastic: Testbed) -> None:
    """Exit code 4; nothing was started."""
    add_elastic(towline, elastic)
    elastic.set_power("elastic", refusals=1)
    on = towline("cluster", "on", "burst")
    assert on.exit_code == 4
    assert "no capacity" in on.err
    assert elastic.power("elastic")["state"] == "off"


def test_without_waiting_one_step_is_made(towline: Towline, elastic: Testbed) -> None:
    """The boot goes on by itself, and the same command goes on from there."""
    add_elastic(towline, elastic)
    elastic.set_power("elastic", boot_seconds=1)
    begun = towline("cluster", "on", "burst", "--no-wait")
    assert begun.exit_code == 0
    assert begun.out.startswith("burst: starting")
    assert towline("cluster", "on", "burst").exit_code == 0
    assert towline("cluster", "off", "burst").exit_code == 0
    elastic.set_power("elastic", boot_seconds=0)


def test_ctrl_c_ends_the_waiting_and_not_the_boot(towline: Towline, elastic: Testbed) -> None:
    """Exit code 130, no traceback; the same command goes on with it."""
    add_elastic(towline, elastic)
    elastic.set_power("elastic", boot_seconds=3600)
    command = subprocess.Popen(
        [sys.executable, "-m", "towline", "cluster", "on", "burst"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert command.stderr is not None
        assert command.stderr.readline().startswith("burst: starting")
        command.send_signal(signal.SIGINT)
        err = command.communicate(timeout=30)[1]
        assert command.returncode == 130
        assert "Traceback" not in err
        assert elastic.power("elastic")["state"] == "starting"
        assert towline("cluster", "off", "burst").out == "burst: off\n"
    finally:
        command.kill()
        elastic.set_power("elastic", boot_seconds=0)


def test_an_existing_cluster_is_connected_and_disconnected(
    towline: Towline, testbed: Testbed
) -> None:
    """Off leaves no connection of ours."""
    config = ("--ssh-config", str(testbed.ssh_config))
    towline("cluster", "add", "onprem", "--host", "onprem", *config, "--no-check")
    connection = Connection(ClusterStore().load("onprem").destination())
    on = towline("cluster", "on", "onprem")
    assert on.exit_code == 0, on.err
    assert "nodes: 2 idle" in on.out
    assert connection.is_open()
    assert towline("cluster", "off", "onprem").out == "onprem: off (not connected)\n"
    assert not connection.is_open()
