"""The text of Slurm's configuration files; every odd line was measured, see docs/testbed.md."""

from __future__ import annotations

from towline.testbed.spec import Cluster, Node

_COMMON = """\
ClusterName={name}
SlurmctldHost={controller}({lan_address})
SlurmUser=slurm
AuthType=auth/munge
# a requeued job waits this long (default 120 s)
AuthInfo=cred_expire=5
CredType=cred/munge
StateSaveLocation=/var/lib/slurm/ctld
SlurmdSpoolDir=/var/lib/slurm/d
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
SlurmctldDebug=info
SlurmdDebug=info
MpiDefault=none
SwitchType=switch/none
# safe: each host has its own pid namespace
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=200
GresTypes=gpu
# more CPUs than the machine has
SlurmdParameters=config_overrides
SlurmctldParameters=enable_configless
PropagateResourceLimits=NONE
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=6
InactiveLimit=0
KillWait=2
UnkillableStepTimeout=60
MessageTimeout=10
TCPTimeout=2
BatchStartTimeout=10
MinJobAge=300
Waittime=0
EpilogMsgTime=0
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
PriorityType=priority/basic
TreeWidth=65533
JobCompType=jobcomp/none
EnforcePartLimits={enforce}
"""

_WITH_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={controller}
AccountingStorageTRES=gres/gpu
"""

_WITHOUT_ACCOUNTING = "AccountingStorageType=accounting_storage/none\n"

# 22.05's slurmd always loads a cgroup plugin; this one touches nothing unless asked
CGROUP_CONF = "CgroupPlugin=cgroup/v1\n"

_SLURMDBD_CONF = """\
AuthType=auth/munge
DbdHost={controller}
SlurmUser=slurm
PidFile=/run/slurmdbd.pid
LogFile=/var/log/slurm/slurmdbd.log
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
"""


def slurm_conf(cluster: Cluster) -> str:
    """Return the cluster's ``slurm.conf``."""
    common = _COMMON.format(
        name=cluster.name,
        controller=cluster.controller,
        lan_address=cluster.controller_lan_address,
        enforce="ALL" if cluster.enforces_limits else "NO",
    )
    accounting = _WITH_ACCOUNTING if cluster.accounting else _WITHOUT_ACCOUNTING
    nodes = "".join(_node_line(node) for node in cluster.nodes)
    return (
        common
        + accounting.format(controller=cluster.controller)
        + nodes
        + _partition_line("compute", cluster.nodes, " Default=YES")
        + _partition_line("gpu", tuple(n for n in cluster.nodes if n.gpus))
    )


def _node_line(node: Node) -> str:
    gpus = f" Gres=gpu:fake:{node.gpus}" if node.gpus else ""
    return (
        f"NodeName={node.name} NodeAddr={node.address} Sockets=1 CoresPerSocket={node.cpus} "
        f"ThreadsPerCore=1 RealMemory={node.memory_mib}{gpus} State=UNKNOWN\n"
    )


def _partition_line(name: str, nodes: tuple[Node, ...], more: str = "") -> str:
    names = ",".join(node.name for node in nodes)
    return f"PartitionName={name} Nodes={names}{more} DefaultTime=10 MaxTime=60 State=UP\n"


def gres_conf(cluster: Cluster) -> str:
    """Return ``gres.conf``: the fake GPUs are device files that lead to ``/dev/null``."""
    lines = ["AutoDetect=off\n"]
    for node in cluster.nodes:
        if node.gpus:
            numbers = "0" if node.gpus == 1 else f"[0-{node.gpus - 1}]"
            lines.append(f"NodeName={node.name} Name=gpu Type=fake File=/dev/fakegpu{numbers}\n")
    return "".join(lines)


def slurmdbd_conf(cluster: Cluster) -> str:
    """Return ``slurmdbd.conf``; the database knows slurmdbd by its Unix user, so no password."""
    return _SLURMDBD_CONF.format(controller=cluster.controller)
