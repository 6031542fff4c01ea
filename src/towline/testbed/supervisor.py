"""The supervisor: first process of the testbed's own namespaces, and owner of all that is in them.

When it dies, by whatever cause, the kernel ends every process, mount and network of the testbed.
It starts as ``python -m towline.testbed.supervisor OPTIONS`` (JSON), tells its progress as JSON
lines on standard output until it is ready, and then answers the control socket.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from towline.testbed import control, mounts, workspace_files
from towline.testbed.cluster_care import ClusterCare
from towline.testbed.disk import DiskWriter, Keys, make_key
from towline.testbed.network import Network
from towline.testbed.relay_process import RelayProcess
from towline.testbed.simulated_host import SimulatedHost
from towline.testbed.spec import Cluster, Spec, testbed_of

Say = Callable[[str], None]


class Supervisor:
    """Builds the testbed, then does what the control socket asks.

    Args:
        folder: the testbed's state folder; only its ``workspace`` part and sockets outlive it.
        spec: what to build.
        tree: the root tree of clusters that are in one; empty when there are none.
        log: standard error of what has no log of its own.

    """

    def __init__(self, folder: Path, spec: Spec, tree: str, log: BinaryIO) -> None:
        self._folder = folder
        self._spec = spec
        self._tree = tree
        self._log = log
        self._hosts: dict[str, SimulatedHost] = {}
        self._clusters: dict[str, ClusterCare] = {}

    def boot(self, say: Say) -> None:
        """Build everything and wait until every node is idle.

        Raises:
            RuntimeError, OSError, subprocess.CalledProcessError: a part did not come up.

        """
        started = time.monotonic()
        mounts.take_private_run_and_proc()
        say("wiring the network")
        network = Network(self._spec)
        say("writing the hosts' disks")
        disks, homes = self._write_disks()
        relay = RelayProcess(self._folder, self._log)
        relay.open(self._spec.gate.name, self._spec.gate.address)
        for cluster in self._spec.clusters:
            relay.open(cluster.name, cluster.address)
        for name in self._spec.hosts:
            self._hosts[name] = SimulatedHost(name, self._folder / "hosts" / name, network)
        for cluster in self._spec.clusters:
            self._clusters[cluster.name] = ClusterCare(
                cluster,
                hosts=self._hosts,
                network=network,
                relay=relay,
                homes=homes[cluster.name],
                faults_folder=disks.faults_folder(cluster),
            )
        on = [cluster for cluster in self._spec.clusters if not cluster.starts_off]
        gate = self._spec.gate.name
        booting = [gate, *(name for c in on for name in (c.controller, *(n.name for n in c.nodes)))]
        say("booting " + ", ".join(name for name in self._hosts if name in booting))
        for name in booting:
            self._hosts[name].start()
        _for_all([self._clusters[cluster.name] for cluster in on], ClusterCare.wait_until_idle)
        self._hosts[gate].wait_booted()
        for cluster in on:
            disks.keep_prepared_database(cluster)
        self._boot_seconds = round(time.monotonic() - started, 2)

    def answer(self, do: str, request: dict[str, Any]) -> Any:
        """Do what the control socket asks."""
        if do == "status":
            return self._status()
        if do == "host_pid":
            return self._host(request["host"]).init_pid()
        if do == "heal":
            _for_all(list(self._clusters.values()), ClusterCare.heal)
            self._hosts[self._spec.gate.name].start()
            self._hosts[self._spec.gate.name].wait_booted()
            return None
        if do in ("unplug", "plug_in", "power_cycle"):
            host = self._host(request["host"])
            if do != "plug_in":
                host.stop()
            if do != "unplug":
                host.start()
                host.wait_booted()
            return None
        name = request.pop("cluster", "")
        if name not in self._clusters:
            raise ValueError(f"no cluster {name}; there are {', '.join(self._clusters)}")
        return self._clusters[name].actions()[do](**request)

    def _status(self) -> dict[str, Any]:
        return {
            "folder": str(self._folder),
            "accounting": [c.name for c in self._spec.clusters if c.accounting],
            "boot_seconds": self._boot_seconds,
            "hosts": {name: host.runs for name, host in self._hosts.items()},
            "clusters": {name: care.status() for name, care in self._clusters.items()},
        }

    def _host(self, name: str) -> SimulatedHost:
        if name not in self._hosts:
            raise ValueError(f"no host {name}; there are {', '.join(self._hosts)}")
        return self._hosts[name]

    def _write_disks(self) -> tuple[DiskWriter, dict[str, Path]]:
        workspace = self._folder / "workspace"
        workspace.mkdir()
        make_key(workspace / "id_ed25519", "workspace")
        hosts_folder = self._folder / "hosts"
        mounts.mount_memory_disk(hosts_folder, mounts.HOSTS_SIZE)
        code = f"{secrets.randbelow(10**6):06}"
        keys = Keys((workspace / "id_ed25519.pub").read_text(), code)
        disks = DiskWriter(hosts_folder, keys, self._tree)
        homes = {}
        for cluster in self._spec.clusters:
            homes[cluster.name] = self._folder / "homes" / cluster.name
            mounts.mount_memory_disk(homes[cluster.name], mounts.HOME_SIZE)

        def write(cluster: Cluster) -> None:
            disks.write_cluster(cluster, homes[cluster.name])

        _for_all(list(self._spec.clusters), write)
        disks.write_gate(self._spec.gate)
        workspace_files.write(self._folder, self._spec, code)
        return disks, homes


def _for_all(things: list[Any], work: Callable[[Any], Any]) -> None:
    """Do a piece of work for several things at once; raise the first error."""
    errors: list[Exception] = []

    def one(thing: Any) -> None:
        try:
            work(thing)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(thing,)) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def main() -> None:
    """Boot, say so, and stay; leave at once when the parent process (if one is given) ends."""
    options = json.loads(sys.argv[1])
    to_starter = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if options["parent"] is not None:
        threading.Thread(target=_leave_with, args=(options["parent"],), daemon=True).start()

    def tell(**news: Any) -> None:
        to_starter.write(json.dumps(news) + "\n")

    supervisor = Supervisor(
        Path(options["folder"]),
        testbed_of(options["clusters"], options["accounting"]),
        options["tree"],
        sys.stderr.buffer,
    )
    try:
        supervisor.boot(lambda text: tell(progress=text))
        control.serve(Path(options["folder"]), supervisor.answer)
    except Exception as error:
        tell(error=f"{type(error).__name__}: {error}")
        raise
    tell(ready=True)
    to_starter.close()
    while True:
        signal.pause()


def _leave_with(parent: int) -> None:
    watched = select.poll()
    watched.register(parent, select.POLLIN)  # a pidfd: readable when its process has ended
    watched.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
