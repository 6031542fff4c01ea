"""What of an executor's definition each scheduler has; the rest is refused at the start."""

from __future__ import annotations

import re
from collections.abc import Mapping

from towline.clusters import ClusterFacts
from towline.engine.definitions import ExecutorDefinition
from towline.errors import DefinitionError

DIRECTIVES: Mapping[str, str] = {
    "slurm": "#SBATCH",
    "pbs": "#PBS",
    "torque": "#PBS",
    "lsf": "#BSUB",
    "gridengine": r"#\$",
}
"""How a line of ``scheduler_options`` begins; another beginning is a comment to the scheduler."""

PROPER_NAMES: Mapping[str, str] = {
    "slurm": "Slurm",
    "pbs": "PBS Pro",
    "torque": "Torque",
    "lsf": "LSF",
    "gridengine": "Grid Engine",
    "condor": "HTCondor",
}

NOT_THERE: Mapping[str, Mapping[str, str]] = {
    "controller": {"mpi": "MPI programs run on nodes: leave `provider` out"},
    "pbs": {
        "qos": "many sites have a queue for each quality of service: set `partition`",
        "gres": "set `gpus_per_node`, or `constraint: name=value` for another resource of a chunk",
        "reservation": "a reservation of PBS is a queue: set `partition` to its name, such as R123",
    },
    "torque": {
        "gres": "set `gpus_per_node`, or give `#PBS -l gres=…` in scheduler_options",
        "mpi": "Parsl's MPI mode takes each core of Torque's node file for a node: start mpiexec "
        "in an app of a block with one worker",
        "reservation": "with Moab, give `#PBS -l advres=NAME` in scheduler_options",
    },
    "lsf": {
        "mpi": "Parsl's MPI mode knows Slurm and PBS only: start mpiexec in an app of a block "
        "with one worker",
        "qos": "give a service class as `#BSUB -sla NAME` in scheduler_options",
        "gres": 'set `gpus_per_node`, or give `#BSUB -R "rusage[NAME=N]"` in scheduler_options',
    },
    "gridengine": {
        "qos": "many sites have a queue or project for it: set `partition` or `account`",
        "gres": "set `gpus_per_node`, or `constraint: name=value`",
        "mem_per_node": "sites call memory differently: set `constraint`, such as `h_vmem=4G`, "
        "which is for each slot",
        "mpi": "its parallel environments differ from site to site: start mpiexec in an app",
    },
    "condor": {
        "qos": "set `account` (an accounting group)",
        "gres": "set `gpus_per_node`",
        "reservation": "give `requirements = …` as `constraint`",
        "exclusive": "set `cores_per_node` to those of a whole machine",
        "mpi": "a job has one machine",
    },
}
"""Scheduler -> key that it has nothing for -> what to write instead."""

ONE_NODE = frozenset({"gridengine", "condor"})
"""Blocks are on one node each here: more of them do the same, and start sooner."""

OUR_OWN = frozenset(
    {
        *("universe", "executable", "transfer_executable", "arguments", "output", "error"),
        *("stream_output", "stream_error", "batch_name", "queue", "transfer_output_files"),
    }
)
"""What HTCondor's description of a block says already, and must."""

_SUBMIT_LINE = re.compile(r"(\+?[A-Za-z_][\w.]*)\s*=\s*.*[^\s\\]")
_RESOURCES = re.compile(r"[\w.-]+=[^\s:]+(?::[\w.-]+=[^\s:]+)*")
_PROPERTIES = re.compile(r"[\w.-]+(?::[\w.-]+)*")
_SELECTION = re.compile(r"[^\"'\[\]`\\$]+")
_LIST = re.compile(r"[\w.-]+(?:=[^\s,]+)?(?:,[\w.-]+(?:=[^\s,]+)?)*")
_EXPRESSION = re.compile(r".*[^\s\\]")
CONSTRAINTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "pbs": (_RESOURCES, "resources of a chunk, such as `gpu_model=a100:highmem=true`"),
    "torque": (_PROPERTIES, "node properties, such as `bigmem:ib`"),
    "gridengine": (_LIST, "resources, such as `h_vmem=4G,avx2`"),
    "condor": (_EXPRESSION, "requirements, such as `OpSysMajorVer == 9 && HasSingularity`"),
    "lsf": (_SELECTION, "a selection without its brackets, such as `type==X86_64 && ib`"),
}
"""How each spells what a node must have; it becomes part of a directive."""


def check_keys(thing: str, kind: str, wanted: ExecutorDefinition, facts: ClusterFacts) -> None:
    """Check that a scheduler has what a definition names, in that scheduler's spelling.

    Args:
        thing: what the definition is of, for the message.
        kind: of provider.

    Raises:
        DefinitionError: it has no such thing, or it is spelt for another scheduler.

    """
    scheduler = PROPER_NAMES.get(kind, kind)
    for key, instead in NOT_THERE.get(kind, {}).items():
        if getattr(wanted, key) not in (None, False):
            raise DefinitionError(f"{thing}.{key}", f"{scheduler} has no {key}", instead)
    if kind == "lsf" and wanted.gpus_per_node and old_lsf(facts):
        raise DefinitionError(
            f"{thing}.gpus_per_node",
            f"LSF {facts.scheduler_version} has no GPUs of its own",
            'give the site\'s words, such as `#BSUB -R "rusage[ngpus_excl_p=1]"`, in '
            "scheduler_options",
        )
    if kind in ONE_NODE and wanted.nodes > 1:
        raise DefinitionError(
            f"{thing}.nodes", f"a block on {scheduler} has one node", "set `max_blocks` instead"
        )
    if kind in PROPER_NAMES and kind != "slurm" and wanted.preflight == "compute":
        raise DefinitionError(
            f"{thing}.preflight",
            f"environments are tried on nodes of Slurm only, not of {scheduler}",
            "leave it out: each block tries its environment before its workers start",
        )
    _check_options(thing, kind, scheduler, wanted)
    if wanted.constraint is not None and kind in CONSTRAINTS:
        spelling, example = CONSTRAINTS[kind]
        if not spelling.fullmatch(wanted.constraint):
            raise DefinitionError(
                f"{thing}.constraint",
                f"{wanted.constraint!r} is not how {scheduler} says it",
                example,
            )


def _check_options(thing: str, kind: str, scheduler: str, wanted: ExecutorDefinition) -> None:
    start = DIRECTIVES.get(kind)
    for line in wanted.scheduler_options:
        if kind == "condor":
            match = _SUBMIT_LINE.fullmatch(line)
            good = match is not None and match[1].lower() not in OUR_OWN
            form = "each line is `name = value`, and none of " + ", ".join(sorted(OUR_OWN))
        else:
            good = bool(re.match(rf"{start}\s+\S", line)) if start else True
            form = f"each line begins with `{start} `".replace("\\", "")
        if not good:
            raise DefinitionError(
                f"{thing}.scheduler_options", f"{line!r} is no directive of {scheduler}", form
            )


def old_lsf(facts: ClusterFacts) -> bool:
    """Return whether this LSF is older than 10.1; one whose version is not known counts as new."""
    match = re.search(r"(\d+)\.(\d+)", facts.scheduler_version)
    return match is not None and (int(match[1]), int(match[2])) < (10, 1)
