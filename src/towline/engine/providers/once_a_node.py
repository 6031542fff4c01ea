"""Start a block's workers once on each of its nodes, by the scheduler's own means."""

from __future__ import annotations

from parsl.launchers.base import Launcher

from towline.ssh import quote

_START = """\
node_script=@FOLDER@/"$JOBNAME".node
export TOWLINE_WORK_FOLDER="$PWD"
{ export -p | grep -v -e ' PBS_NODENUM=' -e ' PBS_TASKNUM=' -e ' PBS_VNODENUM='
cat <<'TOWLINE_END_OF_NODE_SCRIPT'
cd "$TOWLINE_WORK_FOLDER" || exit 96
@COMMAND@
TOWLINE_END_OF_NODE_SCRIPT
} > "$node_script" || exit 96
@ON_ALL_NODES@ "$node_script"
"""


class OnceANode(Launcher):
    """Runs a block's command once on each node, through a script in the run's shared folder.

    ``pbsdsh`` starts processes with hardly any environment: the script brings the job's along.

    Args:
        folder: on the cluster; all nodes see it.
        on_all_nodes: the scheduler's command that runs the script given to it on each node.

    """

    def __init__(self, folder: str, on_all_nodes: str) -> None:
        super().__init__(debug=False)
        self._folder = folder
        self._on_all_nodes = on_all_nodes

    def __call__(
        self, command: str, tasks_per_node: int, nodes_per_block: int, script_dir: str = ""
    ) -> str:
        """Return the shell lines that start the command on all nodes and wait for its end."""
        return (
            _START.replace("@FOLDER@", quote(self._folder))
            .replace("@ON_ALL_NODES@", self._on_all_nodes)
            .replace("@COMMAND@", command)
        )
