"""The FAKE batch system's qsub and bsub."""

import os
import re
import sys

from job_store import FLAVOUR, QUEUES, ROOT, Locked, all_jobs, fail, save


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
    script = sys.stdin.read() if lsf else read_script(arguments)
    options, lists = {}, {}
    words = directives(script, "#BSUB" if lsf else "#PBS") + arguments
    for word, value in zip(words, words[1:] + [""]):
        if word == "-l":
            name, _, amount = value.partition("=")
            lists[name] = amount
        elif word.startswith("-"):
            options[word] = value
    queue = options.get("-q", "workq")
    limit = seconds(options["-W"] + ":00") if lsf else seconds(lists["walltime"])
    check(queue, limit, lsf)
    with Locked():
        number = str(max([int(job["number"]) for job in all_jobs()] or [100]) + 1)
        job = {
            "number": number,
            "id": number if lsf else number + ".fake-pbs",
            "name": options["-J" if lsf else "-N"],
            "queue": queue,
            "limit": limit,
            "script": script,
            "stdout": options["-o"],
            "stderr": options["-e"],
            "cwd": os.getcwd() if lsf else os.path.expanduser("~"),
            "state": "Q",
            "node": None,
            "boot": None,
            "deleted": False,
            "code": None,
            "why": "",
            "used": 0,
            "runs": 0,
        }
        save(job)
    if os.path.exists(os.path.join(ROOT, "lose-answer")):
        os.unlink(os.path.join(ROOT, "lose-answer"))
        fail("Communication time out" if lsf else "qsub: End of File", 255)
    if lsf:
        print("Job <%s> is submitted to queue <%s>." % (number, queue))
    else:
        print(job["id"])


def read_script(arguments):
    if not arguments or not os.path.isfile(arguments[-1]):
        fail("qsub: script file:: No such file or directory", 1)
    with open(arguments[-1]) as file:
        return file.read()


def check(queue, limit, lsf):
    if queue not in QUEUES:
        if lsf:
            fail(queue + ": No such queue. Job not submitted.", 255)
        fail("qsub: Unknown queue", 170)
    if QUEUES[queue] and limit > QUEUES[queue] * 60:
        if lsf:
            fail("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", 255)
        fail("qsub: Job violates queue and/or server resource limits", 188)
