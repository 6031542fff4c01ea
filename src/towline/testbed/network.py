"""The testbed's wires: a router, the workspace's network, a switch a cluster, and a firewall.

The router is the supervisor's own network namespace. Every function that returns text is pure; the
text goes to ``ip -batch`` or ``nft -f``.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from towline.testbed.spec import ROUTER_FOR_WORKSPACE, WORKSPACE_ADDRESS, Cluster, Gate, Spec

WORKSPACE = "ws"

_FIREWALL = """\
table inet testbed {{
  set frozen {{ type ifname; }}
  set cut {{ type ifname; }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    iifname @frozen drop
    oifname @frozen drop
    iifname @cut meta l4proto tcp reject with tcp reset
    oifname @cut meta l4proto tcp reject with tcp reset
    ct state established,related accept
    iifname "{workspace}" oifname {{ {doors} }} tcp dport 22 ct state new accept
    iifname "{gate}" oifname {{ {controllers} }} tcp dport 22 ct state new accept
  }}
  chain input {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }}
}}
"""


@dataclass(frozen=True)
class Wires:
    """How one host is connected.

    Args:
        lan: switch and address on the cluster's inside network, if any.
        wan: the router's interface, the host's address and the router's address, if any.

    """

    lan: tuple[str, str] | None = None
    wan: tuple[str, str, str] | None = None


def wan_interface(name: str) -> str:
    """Return the router's interface to a cluster or to the bastion."""
    return f"wan-{name}"


def switch(cluster: Cluster) -> str:
    """Return the network namespace that is the cluster's switch."""
    return f"{cluster.name}-switch"


def wires_of(spec: Spec) -> dict[str, Wires]:
    """Return how every host is connected."""
    wires = {spec.gate.name: Wires(wan=_wan(spec.gate))}
    for cluster in spec.clusters:
        lan = (switch(cluster), cluster.controller_lan_address)
        wires[cluster.controller] = Wires(lan, _wan(cluster))
        for node in cluster.nodes:
            wires[node.name] = Wires((switch(cluster), node.address))
    return wires


def _wan(host: Cluster | Gate) -> tuple[str, str, str]:
    return wan_interface(host.name), host.address, host.router_address


def firewall(spec: Spec) -> str:
    """Return the router's rules: port 22 of the doors for the workspace, and no more."""
    controllers = [wan_interface(c.name) for c in spec.clusters]
    gate = wan_interface(spec.gate.name)
    return _FIREWALL.format(
        workspace=WORKSPACE,
        gate=gate,
        doors=", ".join(f'"{name}"' for name in [*controllers, gate]),
        controllers=", ".join(f'"{name}"' for name in controllers),
    )


def workspace_and_switches(spec: Spec) -> dict[str, str]:
    """Return the ``ip`` commands for router, workspace and switches, by namespace ("" = router)."""
    switches = [switch(c) for c in spec.clusters]
    router = [
        "link set lo up",
        *(f"netns add {name}" for name in [WORKSPACE, *switches]),
        f"link add {WORKSPACE} type veth peer name eth0 netns {WORKSPACE}",
        f"addr add {ROUTER_FOR_WORKSPACE}/30 dev {WORKSPACE}",
        f"link set {WORKSPACE} up",
    ]
    workspace = [
        "link set lo up",
        f"addr add {WORKSPACE_ADDRESS}/30 dev eth0",
        "link set eth0 up",
        f"route add default via {ROUTER_FOR_WORKSPACE}",
    ]
    bridge = ["link add br0 type bridge", "link set br0 up"]
    return {
        "": _lines(router),
        WORKSPACE: _lines(workspace),
        **{name: _lines(bridge) for name in switches},
    }


def plug_in_commands(host: str, wires: Wires, port: str) -> dict[str, str]:
    """Return the ``ip`` commands that give a host its network, by namespace ("" = router).

    Args:
        host: also the name of its network namespace.
        wires: where its cables go.
        port: an unused interface name on the switch.

    """
    router, inside = [f"netns add {host}"], ["link set lo up"]
    commands: dict[str, str] = {}
    if wires.lan:
        switch_name, address = wires.lan
        router.append(f"link add {port} netns {switch_name} type veth peer name lan0 netns {host}")
        inside += [f"addr add {address}/24 dev lan0", "link set lan0 up"]
        commands[switch_name] = _lines([f"link set {port} master br0", f"link set {port} up"])
    if wires.wan:
        interface, address, router_address = wires.wan
        router += [
            f"link add {interface} type veth peer name wan0 netns {host}",
            f"addr add {router_address}/30 dev {interface}",
            f"link set {interface} up",
        ]
        inside += [
            f"addr add {address}/30 dev wan0",
            "link set wan0 up",
            f"route add default via {router_address}",
        ]
    return {"": _lines(router), **commands, host: _lines(inside)}


def _lines(commands: Iterable[str]) -> str:
    return "".join(f"{command}\n" for command in commands)


class Network:
    """The running network; belongs to the supervisor, inside its namespaces."""

    def __init__(self, spec: Spec) -> None:
        self._wires = wires_of(spec)
        self._ports = itertools.count(1)
        _run_ip(workspace_and_switches(spec))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        _nft(firewall(spec))

    def plug_in(self, host: str) -> None:
        """Create a host's network namespace and its cables."""
        _run_ip(plug_in_commands(host, self._wires[host], f"p{next(self._ports)}"))

    def unplug(self, host: str) -> None:
        """Remove a host's network namespace and its cables; no error when there are none."""
        if wan := self._wires[host].wan:
            subprocess.run(["ip", "link", "del", wan[0]], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "del", host], stderr=subprocess.DEVNULL)

    def drop_packets(self, name: str, dropped: bool) -> None:
        """Drop silently (or again let through) all packets from and to a cluster."""
        _set_element("frozen", name, dropped)

    def refuse_packets(self, name: str, refused: bool) -> None:
        """Answer (or no longer answer) all TCP packets from and to a cluster with a reset."""
        _set_element("cut", name, refused)

    def delay_packets(self, name: str, milliseconds: float) -> bool:
        """Delay what leaves towards a cluster; return False when the kernel has no netem."""
        interface = wan_interface(name)
        if milliseconds <= 0:
            command = ["tc", "qdisc", "del", "dev", interface, "root"]
        else:
            netem = ["netem", "delay", f"{milliseconds}ms", "limit", "100000"]
            command = ["tc", "qdisc", "replace", "dev", interface, "root", *netem]
        try:
            return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
        except FileNotFoundError:
            return False


def _set_element(set_name: str, name: str, present: bool) -> None:
    # add first: deleting what is not there would be an error
    element = f'element inet testbed {set_name} {{ "{wan_interface(name)}" }}\n'
    _nft(f"add {element}" + ("" if present else f"delete {element}"))


def _run_ip(commands: dict[str, str]) -> None:
    for namespace, text in commands.items():
        where = ["-n", namespace] if namespace else []
        _run(["ip", *where, "-batch", "-"], text)


def _nft(text: str) -> None:
    _run(["nft", "-f", "-"], text)


def _run(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
