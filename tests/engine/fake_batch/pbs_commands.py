"""PBS Pro's and Torque's commands of the FAKE batch system, in their words."""

import os
import sys

from job_store import (
    FLAVOUR,
    LATER,
    QUEUES,
    USER,
    all_jobs,
    delete,
    is_known,
    load,
    nodes,
)

SERVER = os.uname().nodename


def folded(text):
    """Break a line as qstat does, after 79 characters, the rest behind a tab."""
    lines = [text[:79]]
    rest = text[79:]
    while rest:
        lines.append("\t" + rest[:72])
        rest = rest[72:]
    return "\n".join(lines)


def clock(number):
    return "%02d:%02d:%02d" % (number // 3600, number // 60 % 60, number % 60)


def letter(job):
    if job["state"] == "F":
        return "C" if FLAVOUR == "torque" else "F"
    return "R" if job["state"] == "S" else job["state"]


def show_job(job):
    print("Job Id: " + job["id"])
    facts = [("Job_Name", job["name"]), ("Job_Owner", "%s@%s" % (USER, SERVER))]
    if job["state"] != "Q":
        facts.append(("resources_used.walltime", clock(job["used"])))
    facts += [("job_state", letter(job)), ("queue", job["queue"]), ("server", "fake-pbs")]
    if job["node"]:
        facts.append(("exec_host", job["node"] + "/0*1"))
    facts.append(("Output_Path", SERVER + ":" + job["stdout"]))
    facts.append(("Resource_List.walltime", clock(job["limit"])))
    path = "PBS_O_HOME=/home,PBS_O_LANG=en_US.UTF-8,PBS_O_PATH=" + os.environ.get("PATH", "")
    facts.append(("Variable_List", path))
    if FLAVOUR == "pbs":
        facts.append(("substate", "91" if job.get("ended") == "deleted" else "92"))
    if job["queue"] == LATER and job["state"] == "Q":
        facts.append(("comment", "Not Running: Job would conflict with reservation or top job"))
    elif job["state"] == "Q" and job["why"]:
        facts.append(("comment", job["why"]))
    if job["state"] == "F" and job["runs"]:
        facts.append(("Exit_status" if FLAVOUR == "pbs" else "exit_status", str(job["code"])))
    for name, value in facts:
        print(folded("    %s = %s" % (name, value)))
    print("")


HEAD = """
fake-pbs:
                                                            Req'd  Req'd   Elap
Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time
--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----"""


def qstat(arguments):
    history = "-x" in arguments
    if "--version" in arguments:
        print({"pbs": "pbs_version = 20.0.1", "torque": "Version: 6.1.2"}[FLAVOUR])
    elif "-B" in arguments:
        print("Server: fake-pbs\n    server_state = Active\n    default_queue = workq")
    elif "-Q" in arguments:
        for name, minutes in QUEUES.items():
            print("Queue: %s\n    queue_type = Execution\n    enabled = True" % name)
            print("    started = True")
            if minutes:
                print("    resources_max.walltime = " + clock(minutes * 60))
            print("")
    elif "-u" in arguments:
        shown = [job for job in all_jobs() if letter(job) != "F"]
        if shown:
            print(HEAD)
        for job in shown:
            name = job["name"] if len(job["name"]) <= 10 else job["name"][:9] + "*"
            row = "%-15s %-8s %-8s %-10s %6s %3d %3d %6s %5s %s %s"
            print(
                row
                % (
                    job["id"][:15],
                    USER[:8],
                    job["queue"][:8],
                    name,
                    "--",
                    1,
                    1,
                    "--",
                    "00:10",
                    letter(job),
                    "--",
                )
            )
    else:
        code = 0
        for given in arguments:
            if given.startswith("-"):
                continue
            number = given.split(".")[0]
            if not is_known(number):
                unknown = "qstat: Unknown Job Id " + given
                sys.stderr.write(unknown + "\n")
                code = 153
                continue
            job = load(number)
            if letter(job) == "F" and not history:
                words = (
                    "qstat: %s Job has finished, use -x or -H to obtain historical job information"
                )
                sys.stderr.write(words % given + "\n")
                code = 35
                continue
            show_job(job)
        sys.exit(code)


def qdel(arguments):
    code = 0
    for given in arguments:
        number = given.split(".")[0]
        if not is_known(number):
            sys.stderr.write("qdel: Unknown Job Id " + given + "\n")
            code = 153
        elif load(number)["state"] == "F":
            sys.stderr.write("qdel: Job has finished " + given + "\n")
            code = 35
        else:
            delete(number)
    sys.exit(code)


def pbsnodes(arguments):
    cores = {"pbs": "     resources_available.ncpus = %d", "torque": "     np = %d"}[FLAVOUR]
    for name, boot in nodes().items():
        print(name + "\n     state = " + ("free" if boot else "down"))
        print(cores % (os.cpu_count() or 1))
        print("")
