"""Grid Engine (Son of Grid Engine 8.1.9, as Debian packages it): configuration and start.

The master makes its cell at the first boot, with the package's own ``init_cluster``; every timer
that a test would wait for is set to its shortest.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from towline.testbed.spec import Cluster, Node

_ENVIRONMENT = """\
export SGE_ROOT=/var/lib/gridengine SGE_CELL=default SGE_QMASTER_PORT=6444 SGE_EXECD_PORT=6445
mkdir -p /run/gridengine
chown sgeadmin:sgeadmin /run/gridengine /var/lib/gridengine/default/common/act_qmaster
"""

# A daemon that starts before the master knows its host, and all its timers, waits for a minute.
_NODE = """\
(
  until qconf -sql 2>/dev/null | grep -q compute; do sleep 0.1; done
  sge_execd
) >/var/log/sge_execd.out 2>&1 &
"""

_MASTER = """\
(
  if [ -e /var/spool/gridengine/spooldb/sge ]; then sge_qmaster; else sh -x /etc/sge-setup/setup; fi
) >/var/log/sge_setup.out 2>&1
"""

_SETUP = """\
setpriv --reuid=sgeadmin --regid=sgeadmin --clear-groups \\
  /usr/share/gridengine/scripts/init_cluster \\
  $SGE_ROOT default /var/spool/gridengine/spooldb sgeadmin
sge_qmaster
set +x
until qconf -sh >/dev/null 2>&1; do sleep 0.05; done
set -x
qconf -ssconf | sed 's/^schedule_interval.*/schedule_interval 0:0:1/
  s/^flush_submit_sec.*/flush_submit_sec 1/
  s/^flush_finish_sec.*/flush_finish_sec 1/' >/tmp/scheduler
qconf -Msconf /tmp/scheduler
qconf -sconf | sed 's/^load_report_time.*/load_report_time 00:00:02/
  s/^max_unheard.*/max_unheard 00:00:10/
  s/^reschedule_unknown.*/reschedule_unknown 00:00:05/
  s/^min_uid.*/min_uid 0/
  s/flush_time=[0-9:]*/flush_time=00:00:01/
  s/^gid_range.*/gid_range 20000-20100/
  s/^execd_params.*/execd_params ENABLE_ADDGRP_KILL=true/' >/tmp/global
qconf -Mconf /tmp/global
qconf -as {submit_hosts}
qconf -ah {submit_hosts}
qconf -sc >/tmp/complex
echo "gpu gpu INT <= YES YES 0 0" >>/tmp/complex
qconf -Mc /tmp/complex
for file in /etc/sge-setup/host-*; do qconf -Ae $file; done
qconf -Ahgrp /etc/sge-setup/hostgroup
qconf -Ap /etc/sge-setup/pe
qconf -Aq /etc/sge-setup/queue
"""

_PARALLEL_ENVIRONMENT = """\
pe_name smp
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $pe_slots
control_slaves TRUE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
"""

_HOST = """\
hostname {name}
load_scaling NONE
complex_values slots={cpus}{gpus}
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
"""

_QUEUE = """\
qname compute
hostlist @allhosts
seq_no 0
load_thresholds NONE
suspend_thresholds NONE
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:00:05
processors UNDEFINED
qtype BATCH INTERACTIVE
ckpt_list NONE
pe_list smp
rerun TRUE
slots {slots}
tmpdir /tmp
shell /bin/bash
prolog NONE
epilog NONE
shell_start_mode unix_behavior
starter_method NONE
suspend_method NONE
resume_method NONE
terminate_method NONE
notify 00:00:02
owner_list NONE
user_lists NONE
xuser_lists NONE
subordinate_list NONE
complex_values NONE
projects NONE
xprojects NONE
calendar NONE
initial_state default
s_rt INFINITY
h_rt 01:00:00
"""
_NO_LIMIT = ("cpu", "fsize", "data", "stack", "core", "rss", "vmem")


def master_services() -> str:
    """Return the shell that starts the master, with its cell made at the first boot."""
    return _ENVIRONMENT + _MASTER


def node_services() -> str:
    """Return the shell that starts a node's daemon."""
    return _ENVIRONMENT + _NODE


def write_var(disk: Path, tree: Path, cluster: Cluster) -> None:
    """Copy what the packages have in ``/var``, with its owners, and say who the master is."""
    for name in ("lib/gridengine", "spool/gridengine"):
        subprocess.run(["cp", "-a", str(tree / "var" / name), str(disk / "var" / name)], check=True)
    master = disk / "var/lib/gridengine/default/common/act_qmaster"
    master.write_text(f"{cluster.controller}\n")


def setup_files(cluster: Cluster) -> dict[str, str]:
    """Return the files of ``/etc/sge-setup`` by name: what the master is told at its first boot."""
    names = [node.name for node in cluster.nodes]
    return {
        **{f"host-{node.name}": _host(node) for node in cluster.nodes},
        "hostgroup": f"group_name @allhosts\nhostlist {' '.join(names)}\n",
        "pe": _PARALLEL_ENVIRONMENT,
        "queue": _queue(cluster),
        "setup": _SETUP.format(submit_hosts=",".join([cluster.controller, *names])),
    }


def _host(node: Node) -> str:
    gpus = f",gpu={node.gpus}" if node.gpus else ""
    return _HOST.format(name=node.name, cpus=node.cpus, gpus=gpus)


def _queue(cluster: Cluster) -> str:
    limits = "".join(f"s_{name} INFINITY\nh_{name} INFINITY\n" for name in _NO_LIMIT)
    return _QUEUE.format(slots=max(node.cpus for node in cluster.nodes)) + limits
