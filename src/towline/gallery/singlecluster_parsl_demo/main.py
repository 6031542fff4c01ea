"""The talk's first workflow: a greeting from the controller, and one from each node by srun."""

import argparse
import json
from pathlib import Path

import parsl

import towline

LABEL = "myexecutor_1"


@parsl.python_app(executors=[LABEL])
def greet(name):
    """Say hello from the controller."""
    import socket

    return f"Hello {name} from {socket.gethostname()}"


@parsl.bash_app(executors=[LABEL])
def greet_from_nodes(name, nodes, partition, stdout=None):
    """Say hello from each node: srun, started on the controller."""
    greeting = """sh -c 'echo "Hello $0 from $(hostname)"'"""
    return f"srun -N{nodes} -n{nodes} -p {partition} -t 2 {greeting} {name}"


@parsl.python_app(executors=[LABEL])
def read(path):
    """Bring a file of the cluster home."""
    from pathlib import Path

    return Path(path).read_text()


def main():
    """Greet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="world", type=str.strip)
    options = parser.parse_args()
    if not options.name.isidentifier():
        parser.error("--name: one word of letters, digits and _")
    file = Path(__file__).parent / "executors.json"
    asked = json.loads(file.read_text())[LABEL]
    with towline.load(file):
        print(greet(options.name).result())
        output = "greetings.txt"
        greet_from_nodes(
            options.name, int(asked["NODES"]), asked["PARTITION"], stdout=output
        ).result()
        print(read(output).result(), end="")


if __name__ == "__main__":
    main()
