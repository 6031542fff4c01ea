"""No Parsl at all: a script sent to a cluster over the shared SSH connection, and srun."""

import argparse

from towline.clusters import ClusterStore
from towline.ssh import Connection, quote


def main():
    """Run a command on the controller, then on a node."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", default="onprem")
    parser.add_argument("--partition", default="compute")
    options = parser.parse_args()
    connection = Connection(ClusterStore().load(options.cluster).destination())
    connection.open()
    hello = 'echo "Hello from $(hostname), user $(id -un)"'
    print(connection.run(hello, check=True).stdout, end="")
    on_node = f"srun -p {quote(options.partition)} -t 2 sh -c {quote(hello)}"
    print(connection.run(on_node, timeout=120, check=True).stdout, end="")


if __name__ == "__main__":
    main()
