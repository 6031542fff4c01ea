"""Choose the controller's address that its nodes can reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """The way from the controller to a node: the packet leaves from ``source``."""

    partition: str
    node: str
    node_address: str
    source: str


def read_route(line: str) -> Route | None:
    """Read the probe's ``partition node address source``; None when a part is missing."""
    parts = line.split()
    return Route(*parts) if len(parts) == 4 else None


def read_slurmctld_address(line: str) -> str:
    """Return the address in ``SlurmctldHost[0] = onprem-ctl(172.20.0.1)``; empty when none."""
    match = re.match(r"SlurmctldHost\S*\s*=\s*\S+\((\d+\.\d+\.\d+\.\d+)\)", line)
    return match[1] if match else ""


@dataclass(frozen=True)
class Choice:
    """An address of the controller; ``guessed`` when no node and no Slurm setting spoke for it."""

    address: str
    reason: str
    guessed: bool = False


def choose(
    routes: Sequence[Route],
    slurmctld: Iterable[str],
    addresses: Sequence[str],
    reached_at: str = "",
) -> Choice:
    """Choose an address of the controller; an empty one when it has none.

    Args:
        routes: ways from the controller to nodes; the strongest evidence there is.
        slurmctld: addresses that nodes use for Slurm itself.
        addresses: the controller's own IPv4 addresses.
        reached_at: the controller's address that SSH came in on.

    """
    sources = list(dict.fromkeys(route.source for route in routes))
    if sources:
        way = routes[0]
        reason = f"the way to node {way.node} ({way.node_address}) leaves from it"
        for route in routes:
            if route.source != way.source:
                reason += f"; partition {route.partition} is reached from {route.source}"
                break
        return Choice(way.source, reason)
    for address in slurmctld:
        if address in addresses:
            return Choice(address, "nodes reach Slurm's own controller there")
    private = [address for address in addresses if not ipaddress.ip_address(address).is_global]
    inside = [address for address in private if address != reached_at]
    if inside:
        return Choice(inside[0], "a private address that SSH did not come in on", guessed=True)
    if private:
        return Choice(private[0], "the only private address", guessed=True)
    if addresses:
        return Choice(addresses[0], "there is no private address", guessed=True)
    return Choice("", "no address but loopback was found", guessed=True)
