"""Clusters: what the user says of them, what they turn out to be, and the doctor."""

from towline.clusters._complaints import suggestion
from towline.clusters._ssh_config import host_aliases
from towline.clusters._yaml_lines import LinedMapping, parse_mapping, read_mapping
from towline.clusters.check_step import CheckStep, Status, exit_code
from towline.clusters.definition import ClusterDefinition, NodePrice
from towline.clusters.doctor import WITH_TEST_JOB, examine
from towline.clusters.facts import ClusterFacts, Partition
from towline.clusters.facts_cache import forget_facts, load_facts, recall_facts
from towline.clusters.memory import ClusterMemory
from towline.clusters.observation import Observation
from towline.clusters.power import Desired, PowerState
from towline.clusters.probe import probe
from towline.clusters.schedulers import SUBMIT_COMMANDS
from towline.clusters.shell import LocalShell, Shell, connect
from towline.clusters.ssh_hosts import SshHost, chosen, ssh_hosts
from towline.clusters.store import ClusterStore, define

__all__ = [
    "SUBMIT_COMMANDS",
    "WITH_TEST_JOB",
    "CheckStep",
    "ClusterDefinition",
    "ClusterFacts",
    "ClusterMemory",
    "ClusterStore",
    "Desired",
    "LinedMapping",
    "LocalShell",
    "NodePrice",
    "Observation",
    "Partition",
    "PowerState",
    "Shell",
    "SshHost",
    "Status",
    "chosen",
    "connect",
    "define",
    "examine",
    "exit_code",
    "forget_facts",
    "host_aliases",
    "load_facts",
    "parse_mapping",
    "probe",
    "read_mapping",
    "recall_facts",
    "ssh_hosts",
    "suggestion",
]
