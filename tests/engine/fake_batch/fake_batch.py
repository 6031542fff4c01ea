#!/usr/bin/python3
"""A FAKE batch system: PBS Pro's, Torque's or LSF's commands, and jobs that really run.

Installed as qsub, qstat, … or bsub, bjobs, … in a user's own folder on a cluster of the testbed. It
queues jobs, runs them as processes of the compute nodes, ends them at their limit, notices nodes
without power, and prints what the real commands print. It proves that Towline's commands, scripts
and readers go together; of the real schedulers it proves nothing.

Beside this file: `flavour` (pbs, torque or lsf), `jobs/`, `nodes/` (files that living nodes touch),
`lose-answer`: the next submission is taken, and its answer lost; `end-soon`: the number of a job
whose time limit has come.
"""

import os
import sys

import lsf_commands
import node
import pbs_commands
import server
from submission import submit

COMMANDS = {
    "qsub": submit,
    "qstat": pbs_commands.qstat,
    "qdel": pbs_commands.qdel,
    "pbsnodes": pbs_commands.pbsnodes,
    "bsub": submit,
    "bjobs": lsf_commands.bjobs,
    "bkill": lsf_commands.bkill,
    "bqueues": lsf_commands.bqueues,
    "bhosts": lsf_commands.bhosts,
    "lsid": lsf_commands.lsid,
    "bhist": lsf_commands.bhist,
}

if __name__ == "__main__":
    if sys.argv[1:] == ["--server"]:
        server.serve()
    elif sys.argv[1:] == ["--node"]:
        node.serve()
    else:
        COMMANDS[os.path.basename(sys.argv[0])](sys.argv[1:])
