"""FAKE schedulers on the testbed: PBS Pro's, Torque's and LSF's commands, in their words.

They stand in a user's folder on a real controller behind a real sshd, and run jobs on the cluster's
real nodes, whose own scheduler is idle meanwhile. See fake_batch/fake_batch.py.
"""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

from towline.testbed import Testbed

PROGRAM = Path(__file__).parents[1] / "fake_batch"
PBS = ("qsub", "qstat", "qdel", "pbsnodes")
COMMANDS = {
    "pbs": PBS,
    "torque": PBS,
    "lsf": ("bsub", "bjobs", "bkill", "bqueues", "bhosts", "lsid", "bhist"),
}

FIRST = "echo 'export PATH=$HOME/fake-batch/bin:$PATH' > ~/.bashrc"
LAST = "echo 'PATH=$PATH:$HOME/fake-batch/bin' > ~/.profile"
PATHS = {"pbs": FIRST, "torque": FIRST, "lsf": LAST}
"""Slurm's wrappers have PBS's names, so the fake must come before them; LSF is found as sites have
it, by a profile that only log-ins read."""


class Fake:
    """The fake batch system of one user on a cluster of the testbed."""

    def __init__(self, testbed: Testbed, cluster: str, flavour: str) -> None:
        self._testbed = testbed
        self._cluster = testbed.clusters[cluster]
        self.flavour = flavour

    def install(self) -> None:
        """Put its commands in the user's way, and start its server and nodes."""
        links = "; ".join(
            f"ln -s ../fake_batch.py ~/fake-batch/bin/{name}" for name in COMMANDS[self.flavour]
        )
        self.run(
            "mkdir -p ~/fake-batch/bin ~/fake-batch/jobs ~/fake-batch/nodes ~/rc && "
            "cp -p ~/.profile ~/.bashrc ~/rc && base64 -d | tar -xf - -C ~/fake-batch && "
            f"{links} && {PATHS[self.flavour]}",
            _packed(),
        )
        self.set("flavour", self.flavour)
        self._start(self._cluster.controller, "--server")
        for node in self._cluster.nodes:
            self.boot(node)

    def remove(self) -> None:
        """Let its processes end, and leave nothing of it."""
        self.run("rm -rf ~/fake-batch; mv ~/rc/.[bp]* ~; rmdir ~/rc")

    def boot(self, node: str) -> None:
        """Start its part on a node, as a node's own boot would."""
        self._start(node, "--node")

    def set(self, name: str, text: str = "") -> None:
        """Change one of its settings."""
        self.run(
            f"cat > ~/fake-batch/{name}.new && mv ~/fake-batch/{name}.new ~/fake-batch/{name}", text
        )

    def states(self) -> list[str]:
        """Return the state of each job that there ever was."""
        shown = self.run("cd ~/fake-batch/jobs && cat *.json 2>/dev/null | tr ',' '\\n'; :")
        return [line.split('"')[3] for line in shown.splitlines() if '"state"' in line]

    def run(self, script: str, text: str = "") -> str:
        """Run a script as the user on the controller."""
        return self._testbed.ssh(self._cluster.name, script, input=text).stdout

    def _start(self, host: str, part: str) -> None:
        program = f"python3 {self._cluster.home}/fake-batch/fake_batch.py {part}"
        start = f"setsid -f {program} </dev/null >/dev/null 2>&1"
        self._testbed.exec(host, ["sh", "-c", start], user=self._cluster.user)


def _packed() -> str:
    """Return the program as text that standard input carries."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted(PROGRAM.glob("*.py")):
            about = archive.gettarinfo(str(file), file.name)
            about.mode = 0o755
            with file.open("rb") as content:
                archive.addfile(about, content)
    return base64.b64encode(packed.getvalue()).decode()
