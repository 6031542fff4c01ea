"""LSF's commands of the FAKE batch system, in its words."""

import os
import sys

from job_store import QUEUES, USER, all_jobs, delete, is_known, load, nodes

STATES = {"Q": "PEND", "S": "RUN", "R": "RUN", "E": "RUN", "UNKWN": "UNKWN"}
REASONS = {
    "walltime": "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
    "deleted": "TERM_OWNER: job killed by owner",
}


def bjobs(arguments):
    if "-o" not in arguments:
        for job in all_jobs():
            if job["state"] != "F":
                print(job["number"] + " " + USER)
        return
    fields = arguments[arguments.index("-o") + 1].split(" delimiter=")[0].split()
    delimiter = arguments[arguments.index("-o") + 1].split("delimiter=")[1].strip("'")
    given = [word for word in arguments if word.isdigit()]
    jobs = all_jobs()
    if "-J" in arguments:
        start = arguments[arguments.index("-J") + 1].rstrip("*")
        jobs = [job for job in jobs if job["name"].startswith(start)]
    if given:
        jobs = [job for job in jobs if job["number"] in given]
        for number in given:
            if number not in [job["number"] for job in jobs]:
                sys.stderr.write("Job <%s> is not found\n" % number)
    elif "-a" not in arguments:
        jobs = [job for job in jobs if job["state"] != "F"]
    if not jobs:
        if not given:
            sys.stderr.write("No job found\n")
        sys.exit(255)
    for job in jobs:
        good = job["code"] == 0
        ended = "DONE" if good else "EXIT"
        values = {
            "jobid": job["number"],
            "stat": STATES.get(job["state"], ended),
            "exit_code": "-" if job["code"] in (None, 0) else str(job["code"]),
            "job_name": job["name"],
            "exec_host": job["node"] or "-",
            "exit_reason": REASONS.get(job.get("ended"), "-"),
            "pend_reason": "New job is waiting for scheduling;" if job["state"] == "Q" else "-",
        }
        print(delimiter.join(values[field] for field in fields))


def bkill(arguments):
    code = 0
    for number in arguments:
        if not is_known(number):
            sys.stderr.write("Job <%s>: No matching job found\n" % number)
            code = 255
        elif load(number)["state"] == "F":
            sys.stderr.write("Job <%s>: Job has already finished\n" % number)
            code = 255
        else:
            delete(number)
            print("Job <%s> is being terminated" % number)
    sys.exit(code)


def bqueues(arguments):
    if "-l" in arguments:
        for name, minutes in QUEUES.items():
            print("\nQUEUE: " + name)
            print("  -- A queue." + (" This is the default queue." if name == "workq" else ""))
            if minutes:
                print(" RUNLIMIT\n %.1f min" % minutes)
        return
    print("QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP")
    for name in QUEUES:
        print("%-15s  30  Open:Active       -    -    -    -     0     0     0     0" % name)


def bhosts(arguments):
    print("HOST_NAME          STATUS       JL/U    MAX  NJOBS    RUN  SSUSP  USUSP    RSV")
    for name, boot in nodes().items():
        print("%s %s - %d 0 0 0 0 0" % (name, "ok" if boot else "unavail", os.cpu_count() or 1))


def lsid(arguments):
    print("IBM Spectrum LSF Standard 10.1.0.14, April 20 2023")


def bhist(arguments):
    sys.stderr.write("No matching job found\n")
