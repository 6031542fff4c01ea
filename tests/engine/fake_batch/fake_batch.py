#!/usr/bin/python3
"""A FAKE batch system: PBS Pro's, Torque's or LSF's commands, and jobs that really run.

Installed as qsub, qstat, … or bsub, bjobs, … in a user's own folder on a controller of the testbed.
It queues, starts, limits and deletes jobs as processes of that machine, and prints what the real
commands print. It proves that Towline's commands, scripts and readers go together; of the real
schedulers it proves nothing.

Beside this file: `flavour` (pbs, torque or lsf), `minute` (how many seconds a minute of walltime
lasts), `node-lost` (while it is there, running jobs lose their node), `jobs/`;
`lose-answer`: the next submission is taken, and its answer lost.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.realpath(__file__))
JOBS = os.path.join(ROOT, "jobs")
USER = subprocess.check_output(["id", "-un"], universal_newlines=True).strip()
HOST = os.uname().nodename
QUEUES = {"workq": 60, "night": None}
LATER = "night"  # its jobs wait for a night that never comes


def setting(name, default):
    try:
        with open(os.path.join(ROOT, name)) as file:
            return file.read().strip()
    except OSError:
        return default


FLAVOUR = setting("flavour", "pbs")


class Locked:
    def __enter__(self):
        os.makedirs(JOBS, exist_ok=True)
        self.file = open(os.path.join(ROOT, "lock"), "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *error):
        self.file.close()


def load(number):
    with open(os.path.join(JOBS, number + ".json")) as file:
        return json.load(file)


def save(job):
    path = os.path.join(JOBS, job["number"] + ".json")
    with open(path + ".new", "w") as file:
        json.dump(job, file)
    os.rename(path + ".new", path)


def change(number, **values):
    with Locked():
        job = dict(load(number), **values)
        save(job)
    return job


def all_jobs():
    names = sorted((n[:-5] for n in os.listdir(JOBS) if n.endswith(".json")), key=int)
    return [load(name) for name in names]


def fail(words, code):
    sys.stderr.write(words + "\n")
    sys.exit(code)


# -- submitting ----------------------------------------------------------------------------------


def directives(script, mark):
    words = []
    for line in script.splitlines():
        if line.startswith(mark + " "):
            words += [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line[len(mark) :])]
    return words


def seconds(text):
    parts = [int(part) for part in text.split(":")]
    return sum(part * 60**n for n, part in enumerate(reversed(parts)))


def submit(arguments):
    lsf = FLAVOUR == "lsf"
    if lsf:
        script = sys.stdin.read()
        words = directives(script, "#BSUB")
    else:
        if not arguments or not os.path.isfile(arguments[-1]):
            fail("qsub: script file:: No such file or directory", 1)
        with open(arguments[-1]) as file:
            script = file.read()
        words = directives(script, "#PBS")
    words += arguments
    options, lists = {}, {}
    for word, value in zip(words, words[1:] + [""]):
        if word == "-l":
            name, _, amount = value.partition("=")
            lists[name] = amount
        elif word.startswith("-"):
            options[word] = value
    name = options["-J" if lsf else "-N"]
    queue = options.get("-q", "workq")
    limit = seconds(options["-W"] + ":00") if lsf else seconds(lists["walltime"])
    if queue not in QUEUES:
        if lsf:
            fail(queue + ": No such queue. Job not submitted.", 255)
        fail("qsub: Unknown queue", 170)
    if QUEUES[queue] and limit > QUEUES[queue] * 60:
        if lsf:
            fail("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", 255)
        fail("qsub: Job violates queue and/or server resource limits", 188)
    with Locked():
        number = str(max([int(job["number"]) for job in all_jobs()] or [100]) + 1)
        job = {
            "number": number,
            "id": number if lsf else number + ".fake-pbs",
            "name": name,
            "queue": queue,
            "limit": limit,
            "script": script,
            "stdout": options["-o"],
            "stderr": options["-e"],
            "cwd": os.getcwd() if lsf else os.path.expanduser("~"),
            "asked": sorted([*lists.items(), *options.items()]),
            "state": "Q",
            "deleted": False,
            "code": None,
            "why": "",
            "used": 0,
            "runs": 0,
        }
        save(job)
    runner = [sys.executable, os.path.realpath(__file__), "--run", number]
    subprocess.Popen(
        runner,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    if os.path.exists(os.path.join(ROOT, "lose-answer")):
        os.unlink(os.path.join(ROOT, "lose-answer"))
        fail("Communication time out" if lsf else "qsub: End of File", 255)
    if lsf:
        print("Job <%s> is submitted to queue <%s>." % (number, queue))
    else:
        print(job["id"])


# -- running -------------------------------------------------------------------------------------


def node_is_lost():
    return os.path.exists(os.path.join(ROOT, "node-lost"))


def run(number):
    while True:
        time.sleep(0.4)
        job = load(number)
        if job["deleted"]:
            finish(number, 271, "deleted")
            return
        if job["queue"] == LATER or node_is_lost():
            continue
        if run_once(job):
            return


def run_once(job):
    """Run a job; return whether that was its end, or False when it lost its node."""
    number = job["number"]
    spool = os.path.join(JOBS, number)
    os.makedirs(spool, exist_ok=True)
    script = os.path.join(spool, "script")
    with open(script, "w") as file:
        file.write(job["script"])
    nodes = os.path.join(spool, "nodes")
    with open(nodes, "w") as file:
        file.write(HOST + "\n")
    names = {
        "pbs": {"PBS_JOBID": job["id"], "PBS_NODEFILE": nodes, "PBS_O_WORKDIR": job["cwd"]},
        "lsf": {"LSB_JOBID": number, "LSB_DJOB_HOSTFILE": nodes},
    }["lsf" if FLAVOUR == "lsf" else "pbs"]
    out, err = open(os.path.join(spool, "out"), "w"), open(os.path.join(spool, "err"), "w")
    process = subprocess.Popen(
        ["/bin/bash", script],
        cwd=job["cwd"],
        env=dict(os.environ, **names),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )
    change(number, state="R", runs=job["runs"] + 1)
    started = time.time()
    why, lost = "", False
    while process.poll() is None:
        time.sleep(0.1)
        if load(number)["deleted"]:
            why = "deleted"
        elif time.time() - started > job["limit"] / 60.0 * float(setting("minute", "60")):
            why = "walltime"
        lost = node_is_lost()
        if why or lost:
            break
    end(process, signal.SIGKILL if lost else signal.SIGTERM)
    out.close()
    err.close()
    if lost and FLAVOUR != "lsf":
        change(number, state="Q", why="Not Running: Not enough free nodes available")
        return False
    if lost:
        change(number, state="UNKWN")
        while node_is_lost() and not load(number)["deleted"]:
            time.sleep(0.1)
        why = "deleted" if load(number)["deleted"] else "lost"
    change(number, state="E")
    if why == "walltime":
        words = {"lsf": "TERM_RUNLIMIT: job killed after reaching LSF run time limit.\n"}
        with open(os.path.join(spool, "err"), "a") as file:
            file.write(words.get(FLAVOUR, "=>> PBS: job killed: walltime exceeded limit\n"))
    for name, path in (("out", job["stdout"]), ("err", job["stderr"])):
        try:
            shutil.copyfile(os.path.join(spool, name), path)
        except OSError:
            pass
    used = job["limit"] if why == "walltime" else int(time.time() - started)
    change(number, used=used)
    codes = {
        "walltime": {"pbs": -29, "torque": 271, "lsf": 140}[FLAVOUR],
        "deleted": 271,
        "lost": 1,
    }
    finish(number, codes.get(why, process.returncode if process.returncode >= 0 else 271), why)
    return True


def end(process, first):
    for number in (first, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def finish(number, code, why):
    change(number, state="F", code=code, ended=why)
    shutil.rmtree(os.path.join(JOBS, number), ignore_errors=True)


# -- PBS Pro and Torque --------------------------------------------------------------------------


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
    return "C" if job["state"] == "F" and FLAVOUR == "torque" else job["state"]


def show_job(job):
    print("Job Id: " + job["id"])
    facts = [("Job_Name", job["name"]), ("Job_Owner", "%s@%s" % (USER, HOST))]
    if job["state"] != "Q":
        facts.append(("resources_used.walltime", clock(job["used"])))
    facts += [("job_state", letter(job)), ("queue", job["queue"]), ("server", "fake-pbs")]
    if job["runs"]:
        facts.append(("exec_host", HOST + "/0*1"))
    facts.append(("Output_Path", HOST + ":" + job["stdout"]))
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
            if not os.path.exists(os.path.join(JOBS, number + ".json")):
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
        if not os.path.exists(os.path.join(JOBS, number + ".json")):
            sys.stderr.write("qdel: Unknown Job Id " + given + "\n")
            code = 153
        elif load(number)["state"] == "F":
            sys.stderr.write("qdel: Job has finished " + given + "\n")
            code = 35
        else:
            change(number, deleted=True)
    sys.exit(code)


def pbsnodes(arguments):
    cores = os.cpu_count() or 1
    print(HOST + "\n     state = " + ("down" if node_is_lost() else "free"))
    print({"pbs": "     resources_available.ncpus = %d", "torque": "     np = %d"}[FLAVOUR] % cores)


# -- LSF -----------------------------------------------------------------------------------------

STATES = {"Q": "PEND", "R": "RUN", "E": "RUN", "UNKWN": "UNKWN"}
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
            "exec_host": HOST if job["runs"] else "-",
            "exit_reason": REASONS.get(job.get("ended"), "-"),
            "pend_reason": "New job is waiting for scheduling;" if job["state"] == "Q" else "-",
        }
        print(delimiter.join(values[field] for field in fields))


def bkill(arguments):
    code = 0
    for number in arguments:
        if not os.path.exists(os.path.join(JOBS, number + ".json")):
            sys.stderr.write("Job <%s>: No matching job found\n" % number)
            code = 255
        elif load(number)["state"] == "F":
            sys.stderr.write("Job <%s>: Job has already finished\n" % number)
            code = 255
        else:
            change(number, deleted=True)
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
    row = "%s %s - %d 0 0 0 0 0"
    print(row % (HOST, "unavail" if node_is_lost() else "ok", os.cpu_count() or 1))


def lsid(arguments):
    print("IBM Spectrum LSF Standard 10.1.0.14, April 20 2023")


def bhist(arguments):
    sys.stderr.write("No matching job found\n")


COMMANDS = {
    "qsub": submit, "qstat": qstat, "qdel": qdel, "pbsnodes": pbsnodes,
    "bsub": submit, "bjobs": bjobs, "bkill": bkill, "bqueues": bqueues, "bhosts": bhosts,
    "lsid": lsid, "bhist": bhist,
}  # fmt: skip

if __name__ == "__main__":
    os.makedirs(JOBS, exist_ok=True)
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2])
    else:
        COMMANDS[os.path.basename(sys.argv[0])](sys.argv[1:])
