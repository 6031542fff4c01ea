"""Find and remove what runs have left on a cluster; the proof behind ``leftovers: none``."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from towline.clusters import ClusterFacts
from towline.engine.scheduler import NotObserved, Scheduler
from towline.engine.schedulers import scheduler_of
from towline.engine.site_names import job_prefix
from towline.errors import SiteError
from towline.ssh import Connection, quote

JOBS_END_SECONDS = 45.0
"""For cancelled jobs to end; Slurm's default gives their processes 30 s."""

LOOK_SECONDS = 0.5

TAG = re.compile(r"r\d+-[0-9a-f]{8}")


@dataclass(frozen=True)
class Leftover:
    """Something of a run that is still on a cluster.

    Attributes:
        kind: ``job``, ``process``, ``agent``, ``folder`` or ``environment mark``.
        what: job id, process id or path.
        detail: state, nodes or size, for people.

    """

    cluster: str
    tag: str
    kind: str
    what: str
    detail: str = ""


def find(
    connection: Connection, cluster: str, facts: ClusterFacts, tags: Sequence[str]
) -> list[Leftover]:
    """Return what is left of some runs on a cluster.

    Raises:
        ReachError: the cluster cannot be asked.
        SiteError: its scheduler does not answer.

    """
    if not tags:
        return []
    found = []
    answer = connection.run(_FIND.replace("@ROOT@", quote(facts.root)) + _loop(tags), check=True)
    for line in answer.stdout.splitlines():
        if line.startswith("@@") and line.count("|") >= 3:
            kind, tag, what, detail = line.removeprefix("@@").split("|", 3)
            found.append(Leftover(cluster, tag, kind, what, detail))
    if scheduler := scheduler_of(facts):
        found += [job for tag in tags for job in _jobs(connection, cluster, scheduler, tag)]
    return found


def remove(
    connection: Connection,
    cluster: str,
    facts: ClusterFacts,
    tags: Sequence[str],
    environment_folders: Sequence[str] = (),
) -> None:
    """Cancel the jobs, end the processes and remove the folders of some runs.

    Removing what is not there is no error, so it may be called again at any time.

    Args:
        environment_folders: where the runs have marked environments as used, beside the default.

    Raises:
        ReachError: the cluster cannot be reached; call again later.
        SiteError: its scheduler does not answer.

    """
    if scheduler := scheduler_of(facts):
        _end_jobs(connection, cluster, facts, scheduler, tags)
    folders = {f"{facts.root}/envs", *environment_folders}
    script = _REMOVE.replace("@ROOT@", quote(facts.root)) + _loop(tags)
    script += "".join(
        f"rm -f {quote(folder)}/*/.used-by/{quote(tag)}\n" for folder in folders for tag in tags
    )
    connection.run(script, timeout=60, check=True)


def _end_jobs(
    connection: Connection,
    cluster: str,
    facts: ClusterFacts,
    scheduler: Scheduler,
    tags: Sequence[str],
) -> None:
    """Cancel jobs and wait for their end: until then they write into the folders.

    A submission that is still under way is ended first, or its job would come when nobody looks.
    """
    end_submissions = _END_SUBMISSIONS.replace("@ROOT@", quote(facts.root)) + _loop(tags)
    connection.run(end_submissions, check=True)
    deadline = time.monotonic() + JOBS_END_SECONDS
    cancelled: set[str] = set()
    while jobs := [job.what for tag in tags for job in _jobs(connection, cluster, scheduler, tag)]:
        if new := [job for job in jobs if job not in cancelled]:
            connection.run(scheduler.cancel_script(new), timeout=45)
            cancelled.update(new)
        if time.monotonic() > deadline:
            return  # whoever looks finds them
        time.sleep(LOOK_SECONDS)


def _jobs(connection: Connection, cluster: str, scheduler: Scheduler, tag: str) -> list[Leftover]:
    answer = connection.run(scheduler.list_script(job_prefix(tag)), timeout=45)
    try:
        jobs = scheduler.read_list(answer.stdout)
    except NotObserved as error:
        raise SiteError(
            f"cluster {cluster}", f"its jobs cannot be listed: {error}", "try again later"
        ) from error
    return [
        Leftover(
            cluster, tag, "job", job.job_id, f"{job.state.value if job.state else ''} {job.nodes}"
        )
        for job in jobs
        if job.is_there
    ]


def _loop(tags: Sequence[str]) -> str:
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} is not the tag of a run")
    return f"for tag in {quote(*tags)}; do one_run; done\n"


SHELL_FUNCTIONS = """\
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)
groups() {  # process groups of the run folder $1 that live
  for file in "$1"/jobs/*.pid; do
    [ -e "$file" ] || continue
    read pid booted < "$file"
    [ "$booted" = "$boot" ] && kill -0 "-$pid" 2>/dev/null && echo "$pid"
  done
}
agent() {  # the link's agent in the run folder $1, if it lives
  [ -e "$1/link/pid" ] || return 0
  read pid rest < "$1/link/pid"
  tr '\\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF "${1##*/}" && echo "$pid"
}
submissions() {  # processes that submit from the run folder $1, though nobody waits for them
  find /proc/[0-9]*/cwd -maxdepth 0 -user "$(id -un)" -lname "$1/jobs*" 2>/dev/null | cut -d/ -f3
}
"""

_COMMON = SHELL_FUNCTIONS + "root=@ROOT@\n"

_FIND = (
    _COMMON
    + """\
one_run() {
  folder=$root/runs/$tag
  for pid in $(submissions "$folder"); do echo "@@process|$tag|$pid|submits a job"; done
  if [ -d "$folder" ]; then
    for pid in $(groups "$folder"); do echo "@@process|$tag|$pid|on the controller"; done
    for pid in $(agent "$folder"); do echo "@@agent|$tag|$pid|of the link"; done
    echo "@@folder|$tag|$folder|$(du -sk "$folder" 2>/dev/null | cut -f1) kB"
  fi
  for mark in "$root"/envs/*/.used-by/"$tag"; do
    [ -e "$mark" ] && echo "@@environment mark|$tag|$mark|"
  done
  return 0
}
"""
)

_END_SUBMISSIONS = (
    _COMMON
    + """\
one_run() {
  for pid in $(submissions "$root/runs/$tag"); do kill -KILL "$pid" 2>/dev/null || :; done
}
"""
)

_REMOVE = (
    _COMMON
    + """\
one_run() {
  folder=$root/runs/$tag
  if [ -d "$folder" ]; then
    pids=$(groups "$folder")
    for pid in $pids; do kill -TERM "-$pid" 2>/dev/null; done
    for pid in $(agent "$folder"); do kill -TERM "$pid" 2>/dev/null; done
    n=0
    while [ -n "$(groups "$folder")$(agent "$folder")" ] && [ $n -lt 30 ]; do
      n=$((n+1)); sleep 0.1
    done
    for pid in $(groups "$folder"); do kill -KILL "-$pid" 2>/dev/null; done
    for pid in $(agent "$folder"); do kill -KILL "$pid" 2>/dev/null; done
    rm -rf "$folder"
  fi
  rmdir "$HOME/towline-$tag" 2>/dev/null || :
}
"""
)
