"""The doctor's steps about the scheduler."""

from __future__ import annotations

from towline.clusters._complaints import suggestion
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.clusters.facts import Partition
from towline.errors import DefinitionError, SchedulerMissing, SiteError

SLURM_COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")


def look_at_scheduler(visit: Visit) -> Finding:
    """Check that Slurm's commands are there and that its daemon answers."""
    facts = visit.facts
    missing = [command for command in SLURM_COMMANDS if command not in facts.tools]
    if missing:
        other = (
            f"; found {facts.scheduler} instead" if facts.scheduler not in (None, "slurm") else ""
        )
        raise SchedulerMissing(
            visit.thing,
            f"no {', '.join(missing)} on the controller{other}",
            "if it has no scheduler, set 'type: ssh' in its file ('towline cluster show "
            f"{visit.definition.name}' names it); else put Slurm's bin folder on PATH there",
        )
    version = f"Slurm {facts.scheduler_version}".strip()
    if why := facts.unknown.get("partitions"):
        silent = "no answer in time" in why
        raise SiteError(
            visit.thing,
            f"{version} is installed but does not answer: {why}",
            "wait and check again; if it lasts, tell the site: 'scontrol ping' shows its state"
            if silent
            else "try 'sinfo' there; if this host belongs to no Slurm, set 'type: ssh' in its file",
        )
    if why := facts.unknown.get("jobs"):
        return Finding(
            f"{version}, but {why}",
            Status.WARN,
            "nothing: runs show their last known state until squeue answers",
        )
    if why := facts.unknown.get("accounting"):
        return Finding(
            f"{version}; accounting: {why}", Status.WARN, "nothing: runs read scontrol instead"
        )
    accounting = "with accounting" if facts.accounting else "no accounting"
    return Finding(f"{version}, {accounting}, {facts.jobs} of your jobs in the queue")


def look_at_partitions(visit: Visit) -> Finding:
    """Check that there are partitions, the wanted ones among them, and that they start jobs."""
    facts, wanted = visit.facts, visit.definition.partitions
    if not facts.partitions:
        raise SiteError(
            visit.thing,
            f"the scheduler shows user {facts.user} no partition",
            "ask the site for access, or check 'sinfo' on the controller",
        )
    names = [part.name for part in facts.partitions]
    known = ", ".join(names)
    for name in wanted or ():
        if name not in names:
            raise DefinitionError(
                visit.thing,
                f"there is no partition {name}{suggestion(name, names)} (there: {known})",
                "correct 'partitions' in the definition",
            )
    offered = [part for part in facts.partitions if not wanted or part.name in wanted]
    detail = "; ".join(map(describe, offered))
    idle = [part.name for part in offered if part.state != "up" or not part.nodes_available]
    if idle:
        return Finding(
            detail, Status.WARN, f"jobs would wait in {', '.join(idle)}: choose another partition"
        )
    return Finding(detail)


def describe(part: Partition) -> str:
    """Return a partition in a few words: ``compute (default): 2 nodes x 4 CPUs, up to 1 h``."""
    text = part.name + (" (default)" if part.default else "")
    text += f": {part.nodes_available}/{part.nodes} nodes x {part.cpus_per_node} CPUs"
    if part.gres:
        text += f", {' '.join(part.gres)}"
    text += f", {describe_minutes(part.max_time_minutes)}"
    return text if part.state == "up" else f"{text}, {part.state}"


def describe_minutes(minutes: int | None) -> str:
    """Return a walltime limit in words: ``no limit``, ``up to 90 min``, ``up to 2 d 12 h``."""
    if minutes is None:
        return "no limit"
    days, rest = divmod(minutes, 1440)
    hours, left = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (left, "min")) if n]
    return f"up to {' '.join(parts) or '0 min'}"


def look_at_node_address(visit: Visit) -> Finding:
    """Check that the controller has an address that its nodes can reach."""
    facts = visit.facts
    say = "set 'address' in the definition; 'hostname -I' on the controller shows its addresses"
    if not facts.node_address:
        raise SiteError(visit.thing, "no address was found that nodes could reach", say)
    detail = f"{facts.node_address}: {facts.node_address_reason}"
    if facts.node_address_guessed:
        return Finding(f"{detail} (a guess)", Status.WARN, f"check --deep tries it; or {say}")
    if visit.definition.address and facts.node_address not in facts.addresses:
        own = ", ".join(facts.addresses)
        return Finding(f"{detail}, but the controller has only {own}", Status.WARN, say)
    return Finding(detail)
