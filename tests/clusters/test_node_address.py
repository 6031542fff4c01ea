"""Which of the controller's addresses the nodes can reach."""

from __future__ import annotations

import pytest

from towline.clusters._node_address import Route, choose, read_route, read_slurmctld_address

OWN = ["8.8.8.7", "10.0.0.1", "192.168.5.1"]


def test_the_address_that_packets_to_a_node_leave_from_is_the_best() -> None:
    route = Route("compute", "n1", "10.0.0.11", "10.0.0.1")
    choice = choose([route], ["192.168.5.1"], OWN, reached_at="8.8.8.7")
    assert (choice.address, choice.guessed) == ("10.0.0.1", False)
    assert choice.reason == "the way to node n1 (10.0.0.11) leaves from it"


def test_a_partition_on_another_network_is_told() -> None:
    ways = [
        Route("compute", "n1", "10.0.0.11", "10.0.0.1"),
        Route("gpu", "g1", "192.168.5.11", "192.168.5.1"),
    ]
    choice = choose(ways, [], OWN)
    assert choice.address == "10.0.0.1"
    assert "partition gpu is reached from 192.168.5.1" in choice.reason


def test_where_nodes_reach_slurm_they_reach_us() -> None:
    choice = choose([], ["172.16.0.9", "192.168.5.1"], OWN)
    assert (choice.address, choice.guessed) == ("192.168.5.1", False)


@pytest.mark.parametrize(
    ("own", "reached_at", "wanted"),
    [
        (OWN, "8.8.8.7", "10.0.0.1"),
        (OWN, "10.0.0.1", "192.168.5.1"),
        (["10.0.0.1"], "10.0.0.1", "10.0.0.1"),
        (["8.8.8.8"], "8.8.8.8", "8.8.8.8"),
        ([], "", ""),
    ],
)
def test_without_evidence_a_private_address_is_guessed(
    own: list[str], reached_at: str, wanted: str
) -> None:
    choice = choose([], [], own, reached_at)
    assert choice.address == wanted
    assert choice.guessed
    assert choice.reason


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("SlurmctldHost[0]        = onprem-ctl(172.20.0.1)", "172.20.0.1"),
        ("SlurmctldHost[1]        = backup(10.0.0.2)", "10.0.0.2"),
        ("SlurmctldHost[0]        = onprem-ctl", ""),
        ("ClusterName             = onprem", ""),
    ],
)
def test_slurmctlds_address_is_read_where_one_is_set(line: str, wanted: str) -> None:
    assert read_slurmctld_address(line) == wanted


def test_a_route_with_a_part_missing_is_no_route() -> None:
    assert read_route("compute n1 10.0.0.11") is None
    assert read_route("compute n1 10.0.0.11 10.0.0.1") == Route(
        "compute", "n1", "10.0.0.11", "10.0.0.1"
    )
