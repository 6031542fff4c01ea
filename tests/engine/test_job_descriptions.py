"""What a block's job asks of Grid Engine and HTCondor, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from towline.clusters import ClusterFacts
from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers.condor import _description
from towline.engine.providers.gridengine import _directives
from towline.engine.scheduler_keys import check_keys
from towline.errors import DefinitionError

FACTS = ClusterFacts(parallel_environments=("orte_fill", "smp"))


def wanted(**keys: Any) -> ExecutorDefinition:
    return ExecutorDefinition(cluster="x", **keys)


def test_grid_engine_is_asked_in_its_own_words() -> None:
    """Slots of one node, queue, project, resources; the user's lines stand last and win."""
    keys = wanted(
        partition="long",
        account="chem",
        gpus_per_node=2,
        constraint="h_vmem=4G",
        scheduler_options=["#$ -m e"],
    )
    assert _directives("x/a", 8, keys, FACTS) == [
        "#$ -r y",
        "#$ -pe smp 8",
        "#$ -q long",
        "#$ -P chem",
        "#$ -l gpu=2",
        "#$ -l h_vmem=4G",
        "#$ -m e",
    ]


def test_one_slot_needs_no_parallel_environment() -> None:
    """And more of them need one that the site has, or that the user names."""
    assert "-pe" not in str(_directives("x/a", 1, wanted(), ClusterFacts()))
    named = wanted(scheduler_options=["#$ -pe mine 4"])
    assert "smp" not in str(_directives("x/a", 4, named, FACTS))
    with pytest.raises(DefinitionError, match=r"parallel environment .*qconf -spl"):
        _directives("x/a", 4, wanted(), ClusterFacts())


def test_condor_is_asked_in_its_own_words() -> None:
    """Processors, memory in MiB, walltime, and a lease after which a silent node is given up."""
    lines = _description(4, wanted(walltime="00:30:00", mem_per_node=8, account="group_chem"))
    assert {"request_cpus = 4", "request_memory = 8192", "allowed_job_duration = 1800"} <= {*lines}
    assert {"job_lease_duration = 120", "accounting_group = group_chem"} <= {*lines}


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("gridengine", {"scheduler_options": ["#SBATCH -x"]}, r"each line begins with `#\$ `"),
        ("gridengine", {"scheduler_options": ["rm -rf ."]}, "is no directive of Grid Engine"),
        ("gridengine", {"nodes": 2}, "set `max_blocks` instead"),
        ("gridengine", {"qos": "high"}, "Grid Engine has no qos"),
        ("gridengine", {"mem_per_node": 4}, "h_vmem=4G"),
        ("gridengine", {"constraint": "a b"}, "not how Grid Engine says it"),
        ("condor", {"scheduler_options": ["queue 50"]}, "is no directive of HTCondor"),
        ("condor", {"scheduler_options": ["Executable = /bin/sh"]}, "is no directive of HTCondor"),
        ("condor", {"scheduler_options": ["rank = Memory \\"]}, "is no directive of HTCondor"),
        ("condor", {"nodes": 2}, "a block on HTCondor has one node"),
        ("condor", {"exclusive": True}, "cores_per_node"),
        ("condor", {"reservation": "r1"}, "HTCondor has no reservation"),
        ("condor", {"preflight": "compute"}, "nodes of Slurm only"),
        ("slurm", {"scheduler_options": ["rm -rf ."]}, "each line begins with `#SBATCH `"),
    ],
)
def test_what_a_scheduler_does_not_have_is_said(
    kind: str, keys: dict[str, Any], words: str
) -> None:
    """Before anything is submitted, with what to write instead."""
    with pytest.raises(DefinitionError, match=words):
        check_keys("x/a", kind, wanted(**keys), FACTS)


@pytest.mark.parametrize("line", ["+Department = 1", "rank = Memory", "Concurrency_Limits = a:2"])
def test_condors_lines_pass(line: str) -> None:
    """They are names and values, of HTCondor's own or of the site's."""
    check_keys("x/a", "condor", wanted(scheduler_options=[line]), FACTS)
