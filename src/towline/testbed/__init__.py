"""Real clusters in namespaces on one Linux machine, to try Towline and to test it.

with Testbed(folder) as testbed:
    testbed.ssh("onprem", "srun -N2 hostname")
    with testbed.cut("cloud"):
        ...
"""

from __future__ import annotations

from towline.testbed.cluster_info import ClusterInfo
from towline.testbed.command_faults import CommandFault, FaultKind
from towline.testbed.requirements import install_line, missing_packages, what_is_missing
from towline.testbed.spec import USUAL_CLUSTERS
from towline.testbed.testbed import Fault, Testbed

__all__ = [
    "USUAL_CLUSTERS",
    "ClusterInfo",
    "CommandFault",
    "Fault",
    "FaultKind",
    "Testbed",
    "install_line",
    "missing_packages",
    "what_is_missing",
]
