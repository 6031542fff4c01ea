"""The FAKE batch system's server on the controller: gives jobs to nodes, and notices lost ones."""

import os
import time

from job_store import FLAVOUR, JOBS, LATER, all_jobs, change, deliver_output, nodes

WAITS = "Not Running: Not enough free nodes available"


def serve():
    """Serve until the fake is removed."""
    while os.path.isdir(JOBS):
        there = nodes()
        for job in all_jobs():
            if job["state"] in ("S", "R", "E", "UNKWN"):
                watch(job, there.get(job["node"]))
            elif job["state"] == "Q" and job["deleted"]:
                change(job, state="F", code=271, ended="deleted")
        start_next(there)
        time.sleep(0.2)


def watch(job, boot):
    """See to a job whose node is lost, or back after it was."""
    if job["state"] == "UNKWN" and job["deleted"]:
        change(job, state="F", code=271, ended="deleted")
    elif boot == job["boot"]:
        if job["state"] == "UNKWN":
            change(job, state="R")
    elif FLAVOUR != "lsf":  # the server runs it again, under the same number
        change(job, state="Q", node=None, why=WAITS)
    elif boot is None:
        change(job, state="UNKWN")
    else:
        deliver_output(job)
        change(job, state="F", code=1, ended="lost")


def start_next(there):
    jobs = all_jobs()
    busy = [job["node"] for job in jobs if job["state"] in ("S", "R", "E", "UNKWN")]
    free = [name for name, boot in there.items() if boot and name not in busy]
    for job in jobs:
        if job["state"] == "Q" and job["queue"] != LATER and not job["deleted"] and free:
            name = free.pop(0)
            change(job, state="S", node=name, boot=there[name], runs=job["runs"] + 1)
