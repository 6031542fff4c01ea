"""Faults of one cluster, and how it is made well again; runs in the supervisor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from towline.testbed import command_faults, mounts
from towline.testbed.command_faults import WRAPPED_COMMANDS, CommandFault
from towline.testbed.idleness import QUESTIONS
from towline.testbed.network import Network
from towline.testbed.power import PowerSwitch
from towline.testbed.relay_process import RelayProcess
from towline.testbed.simulated_host import SimulatedHost
from towline.testbed.spec import Cluster

BOOT_LIMIT = 90.0  # seconds
HEAL_LIMIT = 90.0


class ClusterCare:
    """Breaks and heals one cluster.

    Args:
        cluster: which one.
        hosts: all hosts of the testbed.
        network: for freeze and cut.
        relay: for cut and round trip.
        homes: the cluster's ``/home``.
        faults_folder: the controller's command faults.

    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        hosts: Mapping[str, SimulatedHost],
        network: Network,
        relay: RelayProcess,
        homes: Path,
        faults_folder: Path,
    ) -> None:
        self._cluster = cluster
        self._ask = QUESTIONS[cluster.scheduler]
        self._controller = hosts[cluster.controller]
        self._hosts = [self._controller, *(hosts[node.name] for node in cluster.nodes)]
        self._network = network
        self._relay = relay
        self._homes = homes
        self._faults_folder = faults_folder
        self._power = PowerSwitch(self._hosts, self.wait_until_idle)
        self._frozen = self._cut = self._full = False
        self._round_trip = 0.0
        self._faults: dict[str, dict[str, Any]] = {}

    def actions(self) -> dict[str, Callable[..., Any]]:
        """Return what the control socket may ask, by name."""
        return {
            "cut": self.cut,
            "restore": self.restore,
            "freeze": self.freeze,
            "thaw": self.thaw,
            "set_round_trip": self.set_round_trip,
            "fill_disk": self.fill_disk,
            "free_disk": self.free_disk,
            "fault_command": self.fault_command,
            "heal_command": self.heal_command,
            "connections": self.connections,
            **self._power.actions(),
        }

    def status(self) -> dict[str, Any]:
        """Return the cluster's faults and its SSH connections."""
        return {
            "cut": self._cut,
            "frozen": self._frozen,
            "round_trip_ms": self._round_trip,
            "disk_full": self._full,
            "command_faults": dict(self._faults),
            "power": self._power.power()["state"],
            "connections": self.connections(),
        }

    def connections(self) -> dict[str, int]:
        """Return the SSH connections through the relay: ``open`` and ``accepted`` so far."""
        return self._relay.count(self._cluster.name)

    def cut(self) -> None:
        """Break off all connections and refuse new ones."""
        self._network.refuse_packets(self._cluster.name, True)
        self._relay.reset(self._cluster.name)
        self._cut = True

    def restore(self) -> None:
        """Undo ``cut``."""
        self._network.refuse_packets(self._cluster.name, False)
        self._cut = False

    def freeze(self) -> None:
        """Lose every packet; nobody is told."""
        self._network.drop_packets(self._cluster.name, True)
        self._frozen = True

    def thaw(self) -> None:
        """Undo ``freeze``."""
        self._network.drop_packets(self._cluster.name, False)
        self._frozen = False

    def set_round_trip(self, milliseconds: float) -> str:
        """Add a round-trip time; return ``netem`` or ``relay``: who delays."""
        by_kernel = self._network.delay_packets(self._cluster.name, milliseconds)
        delayed_by_relay = 0.0 if by_kernel else milliseconds / 2 / 1000
        self._relay.delay(self._cluster.name, delayed_by_relay)
        self._round_trip = milliseconds
        return "netem" if by_kernel else "relay"

    def fill_disk(self, leave_bytes: int) -> None:
        """Leave only so many bytes free on the cluster's ``/home``."""
        mounts.leave_free(self._homes, leave_bytes)
        self._full = True

    def free_disk(self) -> None:
        """Undo ``fill_disk``."""
        mounts.give_back(self._homes)
        self._full = False

    def fault_command(self, command: str, fault: dict[str, Any]) -> None:
        """Make a scheduler command misbehave.

        Raises:
            ValueError: the command has no wrapper here.

        """
        wrapped = WRAPPED_COMMANDS[self._cluster.scheduler]
        if command not in wrapped:
            raise ValueError(f"no fault for {command}; there are {', '.join(wrapped)}")
        command_faults.install(self._faults_folder, command, CommandFault(**fault))
        self._faults[command] = fault

    def heal_command(self, command: str) -> None:
        """Undo ``fault_command``."""
        command_faults.remove(self._faults_folder, command)
        self._faults.pop(command, None)

    def heal(self) -> None:
        """Undo every fault, cancel every job, wait until every node is idle."""
        if self._cut:
            self.restore()
        if self._frozen:
            self.thaw()
        if self._round_trip:
            self.set_round_trip(0)
        if self._full:
            self.free_disk()
        for command in list(self._faults):
            self.heal_command(command)
        for host in self._hosts:
            host.start()
        self.wait_until_idle(HEAL_LIMIT, cancel_jobs=True)

    def wait_until_idle(self, limit: float = BOOT_LIMIT, *, cancel_jobs: bool = False) -> None:
        """Wait until there is no job and every node can take one.

        Raises:
            RuntimeError: still not so after ``limit`` seconds; says what was seen last.

        """
        deadline = time.monotonic() + limit
        everyone = {node.name for node in self._cluster.nodes}
        for host in self._hosts:
            host.wait_booted()
        while True:
            if cancel_jobs:
                self._controller.run(["sh", "-c", self._ask.cancel_all])
            seen = self._controller.run(["sh", "-c", self._ask.jobs_and_nodes])
            jobs = [line for line in seen.stdout.splitlines() if line.startswith("job")]
            nodes = dict(x.split()[1:] for x in seen.stdout.splitlines() if x.startswith("node"))
            idle = {name for name, state in nodes.items() if state == "idle"}
            if seen.returncode == 0 and not jobs and idle == everyone:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self._cluster.name} is not idle after {limit:.0f} s; last seen: "
                    f"{seen.stdout.strip()} {seen.stderr.strip()}\n{self._log_ends()}"
                )
            for node, state in nodes.items():
                if state.startswith(("drain", "down")) and not state.endswith("*"):
                    self._controller.run(["sh", "-c", self._ask.resume.format(node=node)])
            time.sleep(0.05)

    def _log_ends(self) -> str:
        logs = f"tail -n 5 {self._ask.logs} /var/log/*.log 2>&1"
        return "\n".join(
            f"--- {host.name}\n{host.run(['sh', '-c', logs]).stdout}"
            for host in self._hosts
            if host.runs
        )
