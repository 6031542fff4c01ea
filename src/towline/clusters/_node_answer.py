"""Read what the test job found on its node."""

from __future__ import annotations

from dataclasses import dataclass

from towline.clusters._marked import first, marked_lines
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.errors import SiteError


@dataclass(frozen=True)
class NodeAnswer:
    """What `node_check.sh` found.

    Args:
        node: its host name; empty when the job printed nothing.
        sees_folder: whether a file made on the controller is there.
        read: what the controller's port answered.
        trouble: why it did not answer.
        dialled: whether there was anything to dial with.
        state: the job's state and reason in the scheduler's words, when it printed nothing.

    """

    node: str
    sees_folder: bool
    read: str
    trouble: str
    dialled: bool
    state: str


def read_node_answer(text: str) -> NodeAnswer:
    """Read the job's output, whatever else stands in it."""
    answer = marked_lines(text)
    return NodeAnswer(
        node=first(answer, "node"),
        sees_folder=first(answer, "folder") == "yes",
        read=first(answer, "answer"),
        trouble=first(answer, "trouble"),
        dialled="undialled" not in answer,
        state=first(answer, "state"),
    )


def again(visit: Visit) -> str:
    """Return the command that runs the test job."""
    return f"towline cluster check {visit.definition.name} --deep"


def judge(answer: NodeAnswer, visit: Visit, partition: str) -> Finding:
    """Return what the answer means for runs.

    Raises:
        SiteError: nodes do not see the folder, or do not reach the controller.

    """
    facts, node = visit.facts, answer.node
    at = f"{facts.node_address}:{visit.agent_port}"
    if not node and "JobState=PENDING" in answer.state:
        return Finding(
            f"partition {partition} gave no node in time ({answer.state}); nothing is known of it",
            Status.WARN,
            f"later again, or elsewhere: {again(visit)} --partition P",
        )
    if not node:
        raise SiteError(
            visit.thing,
            f"the test job wrote nothing to {facts.root} ({answer.state or 'state unknown'})",
            "set 'root' in the definition to a folder that controller and nodes share",
        )
    if not answer.sees_folder:
        raise SiteError(
            visit.thing,
            f"node {node} does not see {facts.root}, which the controller wrote to",
            "set 'root' in the definition to a folder that controller and nodes share",
        )
    if not answer.dialled:
        return Finding(
            f"node {node} sees {facts.root}, but has neither Python nor bash to dial {at} with",
            Status.WARN,
            "nothing: runs bring their own Python and check this before they start",
        )
    if answer.read != visit.token:
        raise SiteError(
            visit.thing,
            f"node {node} does not reach {at}: {answer.trouble or 'another program answered'}",
            "set 'address' in the definition to an address of the controller that nodes reach "
            f"(it has {', '.join(facts.addresses)}), or ask the site about a firewall",
        )
    return Finding(f"node {node} sees {facts.root} and reaches {at} and this workspace through it")
