"""The doctor's steps about the controller's disk and Python."""

from __future__ import annotations

import sys

from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.errors import InterpreterMissing, NoSpace, SiteError

NEEDED_MB = 100
"""An environment with Parsl alone has 76 MB with its interpreter."""
COMFORTABLE_MB = 1000
COMFORTABLE_INODES = 10_000
"""An environment with Parsl alone has 1,749 files."""


def look_at_home(visit: Visit) -> Finding:
    """Check that Towline's folder can be written to, has room, and may hold programs."""
    facts = visit.facts
    room = f"{facts.free_mb / 1024:.1f} GiB free" if facts.free_mb >= 0 else "free space unknown"
    detail = f"{facts.root}, {room} ({facts.fs_type or 'unknown file system'})"
    move = "set 'root' in the definition to a folder that nodes see, such as a scratch folder"
    if 0 <= facts.free_mb < NEEDED_MB or facts.free_inodes == 0:
        raise NoSpace(visit.thing, f"no room left: {detail}", f"remove files there, or {move}")
    if not facts.writable:
        raise SiteError(visit.thing, f"nothing can be written to {detail}; a quota?", move)
    if facts.noexec:
        raise SiteError(visit.thing, f"programs cannot be started from {detail}", move)
    if 0 <= facts.free_mb < COMFORTABLE_MB:
        return Finding(f"little room: {detail}", Status.WARN, f"remove files there, or {move}")
    if 0 <= facts.free_inodes < COMFORTABLE_INODES:
        few = f"only {facts.free_inodes} more files fit in {detail}"
        return Finding(few, Status.WARN, f"remove files there, or {move}")
    return Finding(detail)


def look_at_agent_python(visit: Visit) -> Finding:
    """Find the Python that the link's agent will run on."""
    stated = visit.definition.python
    path = visit.facts.agent_python(stated)
    if path is None:
        found = ", ".join(visit.facts.pythons) or "none"
        raise InterpreterMissing(
            visit.thing,
            f"no Python 3.6 or newer was found on the controller (found: {found})",
            "set 'python' in the definition to the path of one",
        )
    if stated:
        return Finding(f"{path}, as the definition says")
    version = next(v for v, p in visit.facts.pythons.items() if p == path)
    return Finding(f"{path} ({version})")


def look_at_worker_python(visit: Visit) -> Finding:
    """Find a Python of the workspace's minor: functions cannot cross minors."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    path = visit.facts.python_of_minor(minor)
    if path:
        return Finding(f"{path} is a {minor}, as here")
    found = ", ".join(visit.facts.pythons) or "no Python"
    return Finding(
        f"no Python {minor} on PATH there (found: {found}), so an environment must bring one",
        Status.WARN,
        f"nothing, if your environment holds Python {minor}; runs check it before they start",
    )
