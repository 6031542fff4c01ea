"""The FAKE batch system's jobs and settings, as files that all hosts see."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.realpath(__file__))
JOBS = os.path.join(ROOT, "jobs")
NODES = os.path.join(ROOT, "nodes")
USER = subprocess.check_output(["id", "-un"], universal_newlines=True).strip()
QUEUES = {"workq": 60, "night": None}
"""Limits in minutes."""
LATER = "night"  # its jobs wait for a night that never comes
SILENT_SECONDS = 4.0
"""A node that has said nothing for so long is lost."""


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


def is_known(number):
    return os.path.exists(os.path.join(JOBS, number + ".json"))


def load(number):
    with open(os.path.join(JOBS, number + ".json")) as file:
        return json.load(file)


def save(job):
    path = os.path.join(JOBS, job["number"] + ".json")
    with open(path + ".new", "w") as file:
        json.dump(job, file)
    os.rename(path + ".new", path)


def change(job, **values):
    """Change a job unless somebody was faster; return whether it was changed."""
    number = job["number"]
    with Locked():
        now = load(number)
        if any(now[name] != job[name] for name in ("state", "node", "runs")):
            return False
        save(dict(now, **values))
    return True


def delete(number):
    with Locked():
        save(dict(load(number), deleted=True))


def all_jobs():
    names = sorted((n[:-5] for n in os.listdir(JOBS) if n.endswith(".json")), key=int)
    return [load(name) for name in names]


def spool(number):
    return os.path.join(JOBS, number)


def deliver_output(job):
    for name, path in (("out", job["stdout"]), ("err", job["stderr"])):
        try:
            shutil.copyfile(os.path.join(spool(job["number"]), name), path)
        except OSError:
            pass


def say_alive(node, boot):
    path = os.path.join(NODES, node)
    with open(path + ".new", "w") as file:
        file.write(boot)
    os.rename(path + ".new", path)


def nodes():
    """Return each node's boot, or None where it is silent."""
    found = {}
    for name in sorted(os.listdir(NODES)):
        path = os.path.join(NODES, name)
        try:
            with open(path) as file:
                is_there = time.time() - os.fstat(file.fileno()).st_mtime < SILENT_SECONDS
                boot = file.read()
        except OSError:
            continue
        if not name.endswith(".new"):
            found[name] = boot if is_there else None
    return found


def fail(words, code):
    sys.stderr.write(words + "\n")
    sys.exit(code)
