"""The clusters are reachable through their controllers' port 22 and by nothing else."""

from __future__ import annotations

import pytest

from towline.testbed import Testbed

CONNECT = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 0.7).close()
        print("open")
    except OSError:
        print("closed")
"""
ONPREM, CLOUD, GATE = "10.77.10.2", "10.77.11.2", "10.77.9.2"
CONTROLLER_INSIDE, NODE = "172.20.0.1", "172.20.0.11"


def reach(testbed: Testbed, host: str, *targets: str) -> list[str]:
    """Tell which addresses a host can connect to."""
    argv = ["/usr/bin/python3", "-c", CONNECT, *targets]
    return testbed.exec(host, argv).stdout.split()


def test_workspace_reaches_port_22_of_the_doors_only(testbed: Testbed) -> None:
    """From the workspace: sshd of controllers and bastion; no other port, no inside address."""
    doors = [f"{a}:22" for a in (ONPREM, CLOUD, GATE)]
    walls = [f"{ONPREM}:6817", f"{CONTROLLER_INSIDE}:6817", f"{NODE}:6818"]
    assert reach(testbed, "ws", *doors, *walls) == ["open"] * 3 + ["closed"] * 3


@pytest.mark.parametrize("cluster", ["onprem", "cloud"])
def test_node_reaches_only_its_own_cluster(testbed: Testbed, cluster: str) -> None:
    """A node reaches its controller; neither workspace, router, bastion nor the other cluster."""
    other = {"onprem": CLOUD, "cloud": ONPREM}[cluster]
    targets = [f"{CONTROLLER_INSIDE}:6817", f"{other}:22", f"{GATE}:22", "10.77.0.2:22"]
    node = testbed.clusters[cluster].nodes[0]
    assert reach(testbed, node, *targets) == ["open", "closed", "closed", "closed"]


def test_controller_reaches_neither_workspace_nor_other_controller(testbed: Testbed) -> None:
    """From a controller nothing outside its cluster can be reached."""
    assert reach(testbed, "onprem-ctl", f"{CLOUD}:22", f"{GATE}:22") == ["closed", "closed"]


def test_gate_reaches_both_controllers(testbed: Testbed) -> None:
    """The bastion reaches both controllers' port 22, and only that."""
    assert reach(testbed, "gate", f"{ONPREM}:22", f"{CLOUD}:22", f"{ONPREM}:6817") == [
        "open",
        "open",
        "closed",
    ]


def test_root_on_a_node_cannot_route_around(testbed: Testbed) -> None:
    """Also root on a node, with a route through the controller, does not get out."""
    route = ["ip", "route", "add", "10.77.0.0/16", "via", CONTROLLER_INSIDE]
    testbed.exec("onprem-n1", route)
    try:
        assert reach(testbed, "onprem-n1", f"{CLOUD}:22", "10.77.0.1:22") == ["closed", "closed"]
    finally:
        testbed.exec("onprem-n1", ["ip", "route", "del", "10.77.0.0/16"])


def test_both_clusters_use_the_same_inside_addresses(testbed: Testbed) -> None:
    """An inside address does not tell which cluster it belongs to."""
    command = ["ip", "-4", "-br", "addr", "show", "lan0"]
    seen = {testbed.exec(h, command).stdout.split()[2] for h in ("onprem-ctl", "cloud-ctl")}
    assert seen == {"172.20.0.1/24"}


def test_hosts_do_not_see_this_machines_files(testbed: Testbed) -> None:
    """Homes, /tmp, /etc and /root of this machine are not on the hosts; /usr is read-only."""
    listed = testbed.exec("onprem-n2", ["find", "/root", "/srv", "/opt", "/mnt"]).stdout
    assert listed.split() == ["/root", "/srv", "/opt", "/mnt"]
    assert testbed.exec("cloud-n1", ["touch", "/usr/mine"], check=False).returncode != 0
