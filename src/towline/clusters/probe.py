"""Look at a cluster: one round trip to its controller."""

from __future__ import annotations

import shlex
import time
from importlib import resources
from typing import TYPE_CHECKING

from towline.clusters import _node_address
from towline.clusters._lsf_queues import read_lsf_queues
from towline.clusters._marked import Answer, first, marked_lines, number
from towline.clusters._pbs_queues import read_pbs_queues, read_pbs_version
from towline.clusters._queues import read_pool, read_queues
from towline.clusters._sinfo import read_partitions
from towline.clusters.definition import ClusterDefinition
from towline.clusters.facts import ClusterFacts, Partition
from towline.clusters.schedulers import SETTINGS, SUBMIT_COMMANDS
from towline.errors import ReachError

if TYPE_CHECKING:
    from towline.clusters.shell import Shell

PROBE_SECONDS = 60
"""Limit of the whole probe; each command in it has a shorter one of its own."""

NO_ANSWER = (124, 137)
"""Exit codes of coreutils' ``timeout`` for a command that it had to end."""

NOT_FOUND = "127"

_ASKED = (
    *(("partitions", "sinfo"), ("jobs", "squeue"), ("accounting", "sacct")),
    *(("partitions", "qstat"), ("partitions", "qstat -Q"), ("partitions", "bqueues")),
    *(("partitions", "condor_status"), ("jobs", "condor_q")),
)
"""Facts, and the commands that stand behind them."""


def probe(shell: Shell, definition: ClusterDefinition) -> ClusterFacts:
    """Ask the controller for all that Towline wants to know about it, in one round trip.

    A scheduler that does not answer costs a few seconds and leaves its facts in `unknown`.

    Raises:
        ReachError: the controller cannot be reached, or its answer broke off.

    """
    started = time.monotonic()
    result = shell.run(probe_script(definition), timeout=PROBE_SECONDS)
    facts = read_answer(result.stdout, definition)
    return facts.model_copy(
        update={"observed_at": time.time(), "seconds": round(time.monotonic() - started, 3)}
    )


def probe_script(definition: ClusterDefinition) -> str:
    """Return the POSIX sh script that looks at this cluster."""
    script = resources.files("towline.clusters").joinpath("probe.sh").read_text(encoding="utf-8")
    wanted = definition.scheduler or ""
    settings = {
        "root": definition.root,
        "scheduler": wanted,
        "submit": SUBMIT_COMMANDS.get(wanted, ""),
        "settings": SETTINGS.get(wanted, ""),
    }
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    return f"# Towline's probe\n{lines}{script}"


def read_answer(text: str, definition: ClusterDefinition) -> ClusterFacts:
    """Read the script's answer, whatever else the log-in printed around it.

    Raises:
        ReachError: the answer is not whole.

    """
    answer = marked_lines(text)
    if "end" not in answer:
        raise ReachError(
            f"cluster {definition.name}",
            "the probe's answer broke off"
            if answer
            else "the controller did not run the probe: its shell answered something else",
            f"towline cluster check {definition.name}",
        )
    unknown = _unknown(answer)
    choice = _address(answer, definition)
    tools = dict(_pair(line) for line in answer["tool"])
    pbs, pbs_version = read_pbs_version(first(answer, "pbs_said"))
    pythons: dict[str, str] = {}
    for version, path in map(_pair, answer["python"]):
        pythons.setdefault(version, path)
    return ClusterFacts(
        system=first(answer, "system"),
        kernel=first(answer, "kernel"),
        arch=first(answer, "arch"),
        glibc=first(answer, "glibc"),
        microarch=first(answer, "microarch"),
        cuda=first(answer, "cuda"),
        hostname=first(answer, "hostname"),
        user=first(answer, "user"),
        shell=first(answer, "shell"),
        home=first(answer, "home"),
        root=first(answer, "root"),
        fs_type=first(answer, "fs_type"),
        uid=number(answer, "uid"),
        free_mb=number(answer, "free_mb"),
        free_inodes=number(answer, "free_inodes"),
        writable=first(answer, "writable") == "yes",
        noexec=first(answer, "noexec") == "yes",
        pythons=pythons,
        tools=tools,
        scheduler=_scheduler(tools, pbs or definition.scheduler),
        scheduler_version=pbs_version or first(answer, f"{definition.scheduler}_version"),
        scheduler_settings=dict(_pair(line) for line in answer["setting"]),
        parallel_environments=tuple(answer["parallel"]),
        accounting=first(answer, "!sacct") == "0",
        partitions=_partitions(answer),
        addresses=tuple(_own_addresses(answer)),
        jobs=max(number(answer, "jobs"), 0),
        node_address=choice.address,
        node_address_reason=choice.reason,
        node_address_guessed=choice.guessed,
        unknown=unknown,
    )


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _partitions(answer: Answer) -> tuple[Partition, ...]:
    if first(answer, "!sinfo") == "0":
        return read_partitions(answer["sinfo"])
    if first(answer, "!qstat") == "0":
        return read_queues(answer["qstat"], answer["queue"])
    if first(answer, "!qstat -Q") == "0":
        default = first(answer, "default_queue")
        return read_pbs_queues(answer["queue"], answer["pbs_node"], default)
    if first(answer, "!bqueues") == "0":
        return read_lsf_queues(answer["bqueues"], answer["queue"], answer["bhost"])
    if first(answer, "!condor_status") == "0":
        return read_pool(answer["condor_status"])
    return ()


def _scheduler(tools: dict[str, str], stated: str | None) -> str | None:
    """Return the stated scheduler where its command is, else the one whose commands are."""
    if stated is not None and SUBMIT_COMMANDS.get(stated) in tools:
        return stated
    if "sbatch" in tools:
        return "slurm"
    if "bsub" in tools:
        return "lsf"
    if "qsub" in tools:
        return "pbs" if "pbsnodes" in tools else "gridengine"
    return "condor" if "condor_submit" in tools else None


def _unknown(answer: Answer) -> dict[str, str]:
    """Return why the facts that a scheduler command stands behind could not be observed."""
    unknown = {}
    for fact, command in _ASKED:
        code = first(answer, f"!{command}")
        said = (answer[command] or ["it said nothing"])[-1].removeprefix(f"{command}: ")
        no_accounting = code == NOT_FOUND or "storage is disabled" in said.lower()
        if code in ("", "0") or (fact == "accounting" and no_accounting):
            continue
        late = int(code) in NO_ANSWER
        unknown[fact] = f"{command} gave no answer in time" if late else f"{command}: {said}"
    if "partitions" in unknown and "!sinfo" in answer:
        for fact in ("jobs", "accounting"):
            unknown.setdefault(fact, "not asked, as sinfo did not answer")
    return unknown


def _own_addresses(answer: Answer) -> list[str]:
    return [text for text in answer["address"] if text and not text.startswith("127.")]


def _address(answer: Answer, definition: ClusterDefinition) -> _node_address.Choice:
    if definition.address:
        return _node_address.Choice(definition.address, "the definition says so")
    if definition.scheduler is None:
        return _node_address.Choice("127.0.0.1", "workers run on the controller itself")
    ssh_connection = first(answer, "ssh_connection").split()
    return _node_address.choose(
        [route for route in map(_node_address.read_route, answer["route"]) if route],
        map(_node_address.read_slurmctld_address, answer["config"]),
        _own_addresses(answer),
        reached_at=ssh_connection[2] if len(ssh_connection) == 4 else "",
    )
