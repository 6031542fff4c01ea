"""Hosts of the SSH configuration as clusters to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.clusters import chosen, ssh_hosts

FILE = Path("/home/me/.ssh/config")
HOSTS = ssh_hosts({"onprem": FILE, "Login.Example.org": FILE, "hpc-2": FILE}, taken=())


def test_an_alias_becomes_a_name_that_is_allowed() -> None:
    assert [host.name for host in HOSTS] == ["onprem", "login_example_org", "hpc-2"]
    assert [host.obstacle for host in HOSTS] == ["", "", ""]


def test_a_name_that_is_taken_or_impossible_is_an_obstacle() -> None:
    hosts = ssh_hosts({"onprem": FILE, "a": FILE, "x.y": FILE, "x_y": FILE}, taken=["onprem"])
    assert [host.obstacle.split(":")[0] for host in hosts] == [
        "cluster onprem exists already",
        "a name has 2-250 of a-z, 0-9, _ and -, and no - in front",
        "",
        "cluster x_y exists already",
    ]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("", []),
        ("all", ["onprem", "Login.Example.org", "hpc-2"]),
        ("1", ["onprem"]),
        ("2-3", ["Login.Example.org", "hpc-2"]),
        ("3, 1 3", ["hpc-2", "onprem"]),
        ("hpc-2 login_example_org", ["hpc-2", "Login.Example.org"]),
    ],
)
def test_hosts_are_chosen_by_number_range_name_or_all(answer: str, wanted: list[str]) -> None:
    assert [host.alias for host in chosen(HOSTS, answer)] == wanted


@pytest.mark.parametrize("answer", ["0", "4", "2-9", "3-1", "nobody", "1 x"])
def test_an_answer_that_means_no_host_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="there is no"):
        chosen(HOSTS, answer)
