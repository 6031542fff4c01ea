"""Clusters that the user's SSH configuration already describes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from towline.clusters.spelling import NAME


@dataclass(frozen=True)
class SshHost:
    """A ``Host`` of the SSH configuration as a cluster to be.

    Args:
        alias: what stands after ``Host``; it becomes the definition's `host`.
        file: where it stands.
        name: the cluster's name: the alias in lower case, other signs as ``_``.
        obstacle: why it cannot be taken; empty when it can.

    """

    alias: str
    file: Path
    name: str
    obstacle: str = ""


def ssh_hosts(aliases: Mapping[str, Path], taken: Collection[str]) -> list[SshHost]:
    """Return a host for each alias, with an obstacle where its name is taken or impossible."""
    used = set(taken)
    hosts = []
    for alias, file in aliases.items():
        name = re.sub(r"[^a-z0-9_-]", "_", alias.lower()).lstrip("-")
        obstacle = f"cluster {name} exists already" if name in used else ""
        try:
            NAME.check(name)
        except ValueError as error:
            obstacle = str(error)
        used.add(name)
        hosts.append(SshHost(alias, file, name, obstacle))
    return hosts


def chosen(hosts: list[SshHost], answer: str) -> list[SshHost]:
    """Return the hosts that an answer such as ``1 3-5 onprem`` or ``all`` means.

    Raises:
        ValueError: a number or name that is not among them.

    """
    picked: dict[str, SshHost] = {}
    for word in answer.replace(",", " ").split():
        for host in _meant(hosts, word):
            picked[host.alias] = host
    return list(picked.values())


def _meant(hosts: list[SshHost], word: str) -> list[SshHost]:
    if word == "all":
        return hosts
    by_name = [host for host in hosts if word in (host.alias, host.name)]
    if by_name:
        return by_name
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
    if match is None:
        raise ValueError(f"there is no host {word}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= len(hosts):
        raise ValueError(f"there is no number {word}: choose from 1 to {len(hosts)}")
    return hosts[first - 1 : last]
