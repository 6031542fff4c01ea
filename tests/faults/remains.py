"""Proof of ``nothing is left`` that does not ask Towline: process tables, queues and folders."""

from __future__ import annotations

import os
from pathlib import Path

from towline.testbed import ClusterInfo, Testbed

_JOBS = "/usr/bin/squeue --noheader --format='%A %T %j'"
_FOLDERS = "ls -d .towline/runs/* towline-r* .towline/envs/*/.used-by/* 2>/dev/null || :"


def remains(testbed: Testbed, home: Path) -> list[str]:
    """Return what there is of any run: here, on controllers and nodes, in queues and folders.

    What stays on purpose is not counted: the shared SSH connection, the environments, this
    workspace's run folders.
    """
    shared = shared_connections(home)
    found = [
        f"workspace: process {pid} {words}"
        for pid, words in processes_here(home)
        if pid not in shared
    ]
    for cluster in testbed.clusters.values():
        found += on_cluster(testbed, cluster)
    return found


def processes_here(home: Path) -> list[tuple[int, str]]:
    """Return the processes on the workspace that belong to a TOWLINE_HOME, and their arguments."""
    mark = f"TOWLINE_HOME={home}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if mark not in Path(entry.path, "environ").read_bytes().split(b"\0"):
                continue
            words = Path(entry.path, "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if words:
            found.append((int(entry.name), words.replace("\0", " ").strip()))
    return found


def shared_connections(home: Path) -> list[int]:
    """Return the process ids of the shared SSH connections of a TOWLINE_HOME."""
    return [
        pid
        for pid, words in processes_here(home)
        if words.startswith("ssh") and (" -M -N -f -S " in words or words.endswith("[mux]"))
    ]


def on_cluster(testbed: Testbed, cluster: ClusterInfo) -> list[str]:
    """Return what a cluster's user has: jobs, processes on every host that has power, folders."""
    powered = testbed.status()["hosts"]
    found = []
    for host in (cluster.controller, *cluster.nodes):
        if not powered[host]:
            continue
        table = testbed.exec(
            host, ["ps", "-u", cluster.user, "-o", "pid=,stat=,args="], check=False
        )
        found += [
            f"{host}: process {line.strip()}"
            for line in table.stdout.splitlines()
            if " sshd: " not in line and line.split()[1][0] != "Z"
        ]
    jobs = testbed.exec(cluster.controller, ["sh", "-c", _JOBS]).stdout
    found += [f"{cluster.name}: job {line}" for line in jobs.splitlines()]
    folders = testbed.exec(cluster.controller, ["sh", "-c", _FOLDERS], user=cluster.user).stdout
    return found + [f"{cluster.name}: folder {line}" for line in folders.splitlines()]
