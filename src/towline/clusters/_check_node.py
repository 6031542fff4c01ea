"""The doctor's last steps: the link's agent, and a job on a node that dials it."""

from __future__ import annotations

import contextlib
import posixpath
import secrets
import shlex
import socket
import threading
from importlib import resources

from towline.clusters._check_reach import connection
from towline.clusters._complaints import suggestion
from towline.clusters._node_answer import again, judge, read_node_answer
from towline.clusters._visit import Finding, Visit
from towline.clusters.schedulers import SUBMIT_COMMANDS
from towline.errors import DefinitionError, SubmitRefused

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

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:  # the visit is over
                return
            with peer, contextlib.suppress(OSError):  # whoever dialled may have left
                peer.sendall(f"{visit.token}\n".encode())

    thread = threading.Thread(target=serve, name="towline-check", daemon=True)
    thread.start()
    visit.ending.callback(thread.join)
    visit.ending.callback(server.close)
    visit.ending.callback(server.shutdown, socket.SHUT_RDWR)  # first: it wakes accept()
    return int(server.getsockname()[1])


def look_at_node(visit: Visit) -> Finding:
    """Run a job on one node: it must see Towline's folder and reach the controller's port."""
    partition = visit.partition or _preferred_partition(visit)
    if visit.facts.partition(partition) is None:
        there = [part.name for part in visit.facts.partitions]
        raise DefinitionError(
            visit.thing,
            f"there is no partition {partition}{suggestion(partition, there)}",
            f"choose one of: {', '.join(there)}",
        )
    result = visit.shell.run(job_script(visit, partition), timeout=QUEUE_SECONDS + JOB_SECONDS + 30)
    if result.exit_code:
        raise SubmitRefused(
            visit.thing,
            f"the test job was refused in partition {partition}: {last_words(result.stderr)}",
            f"{again(visit)} --partition P --account A",
        )
    return judge(read_node_answer(result.stdout), visit, partition)


def job_script(visit: Visit, partition: str) -> str:
    """Return the sh script that runs `node_check.sh` as a job and prints what it found."""
    mark = f"{visit.facts.root}/.{visit.tag}"
    job = "#!/bin/sh\n" + _program(
        "node_check",
        mark=mark,
        token=visit.token,
        address=visit.facts.node_address,
        port=str(visit.agent_port),
        python=visit.facts.agent_python(visit.definition.python) or "python3",
    )
    kind = visit.definition.scheduler or ""
    found = posixpath.dirname(visit.facts.tools.get(SUBMIT_COMMANDS[kind], ""))
    path = f"PATH=$PATH:{shlex.quote(found)}\n" if found else ""
    settings = visit.facts.scheduler_settings.items()
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings)
    asked = _program(f"test_job_{kind}", partition=partition, account=visit.account or "")
    return (
        path
        + exports
        + asked
        + _program(
            "test_job",
            folder=visit.facts.root,
            mark=mark,
            token=visit.token,
            job_name=f"tl.{visit.tag}.check.0",
            job=job,
            queue_seconds=str(QUEUE_SECONDS),
            job_seconds=str(JOB_SECONDS),
        )
    )


def _program(file: str, **values: str) -> str:
    text = resources.files("towline.clusters").joinpath(f"{file}.sh").read_text("utf-8")
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items()) + text


def _preferred_partition(visit: Visit) -> str:
    if visit.definition.partitions:
        return visit.definition.partitions[0]
    return (visit.facts.default_partition() or visit.facts.partitions[0]).name


def last_words(stderr: str) -> str:
    """Return the last line that a scheduler's command complained with."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines or ["it said nothing"]
    return errors[-1].rpartition("error: ")[2]
