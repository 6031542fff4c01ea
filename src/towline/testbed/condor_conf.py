"""HTCondor: the text of its configuration and the shell that starts it.

Every timer that a test would wait for is set to its shortest.
"""

from __future__ import annotations

from towline.testbed.spec import Cluster, Node

ACCOUNT = "condor"
FOLDERS = ("lib/condor", "log/condor", "spool/condor")

_COMMON = """\
CONDOR_HOST = {controller}
NETWORK_INTERFACE = {address}
{roles}
SEC_PASSWORD_DIRECTORY = /etc/condor/passwords.d
use SECURITY: recommended_v9_0
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, PASSWORD
ALLOW_DAEMON = condor_pool@*
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_ADMINISTRATOR = root@*, condor@*
# hosts have the same users: jobs run as whoever has submitted them
UID_DOMAIN = testbed
TRUST_UID_DOMAIN = True
SOFT_UID_DOMAIN = True
FILESYSTEM_DOMAIN = testbed
NUM_CPUS = {cpus}
MEMORY = {memory}
START = True
SUSPEND = False
PREEMPT = False
KILL = False
RunBenchmarks = False
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 2
UPDATE_INTERVAL = 5
STARTER_UPDATE_INTERVAL = 2
# a lost node is forgotten soon
CLASSAD_LIFETIME = 20
ALIVE_INTERVAL = 4
MAX_CLAIM_ALIVES_MISSED = 3
# a host may neither join sessions nor make cgroups
DISCARD_SESSION_KEYRING_ON_STARTUP = False
CREATE_CGROUP_WITHOUT_SYSTEMD = False
BASE_CGROUP =
"""

_SERVICES = """\
mkdir -p /run/condor /run/lock/condor
chown condor:condor /run/condor /run/lock/condor
condor_master -f >/var/log/condor.out 2>&1 &
"""


def condor_config(cluster: Cluster, node: Node | None) -> str:
    """Return a host's configuration; the controller is central manager and submit host."""
    if node is None:
        roles = "use ROLE: CentralManager\nuse ROLE: Submit"
        address, cpus, memory = cluster.controller_lan_address, 1, 500
    else:
        roles, address = "use ROLE: Execute", node.address
        cpus, memory = node.cpus, node.memory_mib
    return _COMMON.format(
        controller=cluster.controller, address=address, roles=roles, cpus=cpus, memory=memory
    )


def services() -> str:
    """Return the shell that starts the daemons of a host, whatever its roles."""
    return _SERVICES
