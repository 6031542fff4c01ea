"""The doctor's steps about the scheduler."""

from __future__ import annotations

from towline.clusters._complaints import suggestion
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.clusters.facts import Partition
from towline.clusters.schedulers import NEEDED_COMMANDS, PROPER_NAMES, SUBMIT_COMMANDS
from towline.errors import DefinitionError, SchedulerMissing, SiteError

ASKS = {
    "condor": "condor_status",
    "gridengine": "qstat -f",
    "lsf": "bqueues",
    "pbs": "qstat -Q",
    "slurm": "sinfo",
    "torque": "qstat -Q",
}
"""What shows partitions, and what a silent scheduler does not answer."""

STATE = {
    "condor": "condor_q",
    "gridengine": "qstat -f",
    "lsf": "lsid",
    "pbs": "qstat -B",
    "slurm": "scontrol ping",
    "torque": "qstat -B",
}
"""What the site looks at when it does not answer."""


def look_at_scheduler(visit: Visit) -> Finding:
    """Check that the scheduler's commands are there and that its daemon answers."""
    facts, kind = visit.facts, visit.definition.scheduler or ""
    name = PROPER_NAMES[kind]
    missing = [command for command in NEEDED_COMMANDS[kind] if command not in facts.tools]
    if missing:
        found = facts.scheduler
        other = f"; found {found} instead" if found not in (None, kind) else ""
        instead = "if it has no scheduler, set 'type: ssh'"
        if found is not None and found in SUBMIT_COMMANDS and found != kind:
            instead += f" (if it uses {PROPER_NAMES[found]}, 'type: {found}')"
        raise SchedulerMissing(
            visit.thing,
            f"no {', '.join(missing)} on the controller{other}",
            f"{instead} in its file ('towline cluster show "
            f"{visit.definition.name}' names it); else put {name}'s bin folder on PATH there",
        )
    if facts.scheduler in ("pbs", "torque") and facts.scheduler != kind:
        raise DefinitionError(
            visit.thing,
            f"its qstat is that of {PROPER_NAMES[facts.scheduler]} {facts.scheduler_version}",
            f"set 'type: {facts.scheduler}' in its file",
        )
    version = f"{name} {facts.scheduler_version}".strip()
    if why := facts.unknown.get("partitions"):
        silent = "no answer in time" in why
        raise SiteError(
            visit.thing,
            f"{version} is installed but does not answer: {why}",
            f"wait and check again; if it lasts, tell the site: '{STATE[kind]}' shows its state"
            if silent
            else f"try '{ASKS[kind]}' there; if this host belongs to no {name}, set 'type: ssh' in "
            "its file",
        )
    if why := facts.unknown.get("jobs"):
        return Finding(
            f"{version}, but {why}",
            Status.WARN,
            "nothing: runs show their last known state until it answers",
        )
    if why := facts.unknown.get("accounting"):
        return Finding(
            f"{version}; accounting: {why}", Status.WARN, "nothing: runs read scontrol instead"
        )
    if kind == "slurm":
        version += ", with accounting" if facts.accounting else ", no accounting"
    if kind == "gridengine" and not facts.parallel_environments:
        return Finding(
            f"{version}, no parallel environment with allocation rule $pe_slots",
            Status.WARN,
            "blocks get one slot each, unless scheduler_options says `#$ -pe NAME SLOTS`",
        )
    return Finding(f"{version}, {facts.jobs} of your jobs in the queue")


def look_at_partitions(visit: Visit) -> Finding:
    """Check that there are partitions, the wanted ones among them, and that they start jobs."""
    facts, wanted = visit.facts, visit.definition.partitions
    scheduler = visit.definition.scheduler or ""
    if not facts.partitions and scheduler not in ASKS:
        return Finding("not asked of this scheduler; jobs name their queue with `partition`")
    if not facts.partitions:
        raise SiteError(
            visit.thing,
            f"the scheduler shows user {facts.user} no partition",
            f"ask the site for access, or check '{ASKS[scheduler]}' on the controller",
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
