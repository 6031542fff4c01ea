"""Try an environment on a real node, in a job of its own, before anything else is submitted."""

from __future__ import annotations

from towline.clusters import ClusterFacts
from towline.engine.definitions import ExecutorDefinition
from towline.engine.ledger import Report
from towline.engine.schedulers.commands import path_line
from towline.engine.site_names import job_prefix
from towline.environments import Environment, node_check_lines
from towline.errors import EnvironmentMismatch, SubmitRefused
from towline.ssh import Connection, quote

QUEUE_SECONDS = 300
"""For the trial's own wait in the queue; a longer one is a reason to skip the trial."""

RUN_MINUTES = 2


def try_on_node(
    label: str,
    wanted: ExecutorDefinition,
    environment: Environment,
    connection: Connection,
    facts: ClusterFacts,
    cluster: str,
    tag: str,
    listener: tuple[str, int],
    report: Report,
) -> None:
    """Run a one-node job that looks for the environment and dials the controller's port.

    Args:
        listener: address and port of the link's agent, as nodes dial them.

    Raises:
        SubmitRefused: the job did not start within five minutes, or was refused.
        EnvironmentMismatch: it ran, and what workers need is not there; says what.

    """
    thing = f"{cluster}/{label}"
    report("preflight", cluster=cluster, executor=label, state="waiting for a node")
    script = "\n".join(
        [
            environment.activation,
            node_check_lines(environment, *listener),
            f"{quote(environment.python)} -c 'import parsl' || exit 99",
            "",
        ]
    )
    answer = connection.run(
        f"{path_line(facts, 'sbatch')}srun --quiet "
        f"--job-name={quote(job_prefix(tag) + label + '.trial')} "
        f"--immediate={QUEUE_SECONDS} -N1 -n1 -t {RUN_MINUTES} {_options(wanted)} bash -s\n",
        input=script.encode(),
        timeout=QUEUE_SECONDS + RUN_MINUTES * 60,
    )
    if answer.exit_code == 0:
        report("preflight", cluster=cluster, executor=label, state="tried on a node")
        return
    words = answer.stderr.strip() or f"exit code {answer.exit_code}"
    if answer.exit_code in (97, 98, 99):
        raise EnvironmentMismatch(
            thing,
            f"a node cannot run workers: {words}. No block was submitted.",
            f"towline cluster check {cluster} --deep",
        )
    raise SubmitRefused(
        thing,
        f"the trial job did not run: {words}. No block was submitted.",
        "set preflight: login to skip the trial on a node",
    )


def _options(wanted: ExecutorDefinition) -> str:
    options = {
        "--partition": wanted.partition,
        "--account": wanted.account,
        "--qos": wanted.qos,
        "--constraint": wanted.constraint,
        "--reservation": wanted.reservation,
        "--gres": wanted.gres,
    }
    return " ".join(quote(f"{name}={value}") for name, value in options.items() if value)
