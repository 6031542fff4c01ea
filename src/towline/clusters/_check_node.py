"""The doctor's last steps: the link's agent, and a job on a node that dials it."""

from __future__ import annotations

import re
import secrets
import shlex
import socket
import threading
from importlib import resources

from towline.clusters._check_reach import connection
from towline.clusters._node_answer import judge, read_node_answer
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.errors import CommandTimedOut, DefinitionError, SubmitRefused

QUEUE_SECONDS = 60
"""How long the test job may wait for a node."""
JOB_SECONDS = 60
"""How long it may run; Slurm's shortest limit is a minute."""
LEASE_SECONDS = 300


def look_at_link(visit: Visit) -> Finding:
    """Start the link's agent on the controller and let it open the port that nodes would dial."""
    from towline.link import Link

    ssh = connection(visit)
    tag = f"check-{secrets.token_hex(4)}"
    python = visit.facts.agent_python(visit.definition.python) or "python3"
    link = Link(
        ssh,
        tag,
        python=python,
        root=visit.facts.root,
        lease_seconds=LEASE_SECONDS,
        thing=visit.thing,
    )
    visit.ending.callback(link.close)
    link.start()
    visit.tag, visit.token = tag, secrets.token_hex(16)
    local_port = _serve_token(visit)
    visit.agent_port = link.listen("check", local_port, visit.facts.node_address)
    return Finding(f"agent started, listens on {visit.facts.node_address}:{visit.agent_port}")


def _serve_token(visit: Visit) -> int:
    """Answer whoever dials a new loopback port with the visit's token; return the port."""
    server = socket.create_server(("127.0.0.1", 0))
    visit.ending.callback(server.close)

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:  # the visit is over
                return
            with peer:
                peer.sendall(f"{visit.token}\n".encode())

    threading.Thread(target=serve, name="towline-check", daemon=True).start()
    return int(server.getsockname()[1])


def look_at_node(visit: Visit) -> Finding:
    """Run a job on one node: it must see Towline's folder and reach the controller's port."""
    name = f"tl.{visit.tag}.check.0"
    asked = visit.partition or _preferred_partition(visit)
    if asked and visit.facts.partition(asked) is None:
        there = ", ".join(part.name for part in visit.facts.partitions)
        raise DefinitionError(visit.thing, f"there is no partition {asked} (there: {there})")
    try:
        result = visit.shell.run(
            node_script(visit, name, asked), timeout=QUEUE_SECONDS + JOB_SECONDS + 30
        )
    except CommandTimedOut:
        visit.shell.run(f"scancel --name={shlex.quote(name)}", timeout=20)
        raise
    if result.exit_code == 0:
        return judge(read_node_answer(result.stdout), visit)
    where = f"partition {asked}" if asked else "the default partition"
    said = _last_words(result.stderr)
    if waited_in_vain(said):
        return Finding(
            f"{where} gave no node within {QUEUE_SECONDS} s; nothing is known of its nodes",
            Status.WARN,
            f"later again, or: towline cluster check {visit.definition.name} --deep --partition P",
        )
    raise SubmitRefused(
        visit.thing,
        f"the test job did not run in {where}: {said}",
        f"towline cluster check {visit.definition.name} --deep --partition P --account A",
    )


def node_script(visit: Visit, job_name: str, partition: str | None) -> str:
    """Return the sh script that runs `node_check.sh` on one node through srun."""
    check = resources.files("towline.clusters").joinpath("node_check.sh").read_text("utf-8")
    python = visit.facts.agent_python(visit.definition.python) or "python3"
    srun = [
        "srun", f"--job-name={job_name}", "--nodes=1", "--ntasks=1", "--time=1", "--input=none",
        f"--immediate={QUEUE_SECONDS}",
    ]  # fmt: skip
    srun += [f"--partition={partition}"] if partition else []
    srun += [f"--account={visit.account}"] if visit.account else []
    mark = f"{visit.facts.root}/.{visit.tag}"
    port = str(visit.agent_port)
    told = [mark, visit.token, visit.facts.node_address, port, python]
    return f"""\
mark={shlex.quote(mark)}
trap 'rm -f "$mark"' EXIT
(umask 077 && mkdir -p {shlex.quote(visit.facts.root)}) || exit
printf '%s' {visit.token} >"$mark" || exit
cd && {shlex.join([*srun, "sh", "-c", check, "node_check", *told])} </dev/null
"""


def waited_in_vain(srun_said: str) -> bool:
    """Return whether srun gave up because no node was free in time."""
    return bool(re.search("nodes are busy|immediate|not available", srun_said, re.IGNORECASE))


def _preferred_partition(visit: Visit) -> str | None:
    if visit.definition.partitions:
        return visit.definition.partitions[0]
    default = visit.facts.default_partition() or visit.facts.partitions[0]
    return default.name


def _last_words(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line] or lines
    return errors[-1].removeprefix("srun: error: ") if errors else "srun said nothing"
