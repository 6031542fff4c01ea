"""The FAKE batch system's part on a compute node: runs the jobs that the server gives it."""

import os
import shutil
import signal
import subprocess
import time
import uuid

from job_store import FLAVOUR, JOBS, all_jobs, change, deliver_output, say_alive, setting, spool

HOST = os.uname().nodename


class Running:
    """A job's process on this node."""

    def __init__(self, job):
        self.number, self.run = job["number"], job["runs"]
        folder = spool(self.number)
        os.makedirs(folder, exist_ok=True)
        script, hosts = os.path.join(folder, "script"), os.path.join(folder, "hosts")
        with open(script, "w") as file:
            file.write(job["script"])
        with open(hosts, "w") as file:
            file.write(HOST + "\n")
        names = {"PBS_JOBID": job["id"], "PBS_NODEFILE": hosts, "PBS_O_WORKDIR": job["cwd"]}
        if FLAVOUR == "lsf":
            names = {"LSB_JOBID": self.number, "LSB_DJOB_HOSTFILE": hosts}
        with open(os.path.join(folder, "out"), "w") as out:
            with open(os.path.join(folder, "err"), "w") as err:
                self.process = subprocess.Popen(
                    ["/bin/bash", script],
                    cwd=job["cwd"],
                    env=dict(os.environ, **names),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
        self.started = time.time()

    def end(self, first=signal.SIGTERM):
        for number in (first, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()

    def see(self, job):
        """Look after the job; return whether it is no longer on this node."""
        if job["runs"] != self.run or job["node"] != HOST:
            self.end(signal.SIGKILL)  # the server has given us up meanwhile
            return True
        why = ""
        if job["deleted"]:
            why = "deleted"
        elif time.time() - self.started > job["limit"] or setting("end-soon", "") == self.number:
            why = "walltime"
        if not why and self.process.poll() is None:
            return False
        self.end()
        change(job, state="E")
        finish(dict(job, state="E"), why, self.process.returncode, time.time() - self.started)
        return True


def finish(job, why, returned, seconds):
    folder = spool(job["number"])
    if why == "walltime":
        words = {"lsf": "TERM_RUNLIMIT: job killed after reaching LSF run time limit.\n"}
        with open(os.path.join(folder, "err"), "a") as file:
            file.write(words.get(FLAVOUR, "=>> PBS: job killed: walltime exceeded limit\n"))
    deliver_output(job)
    codes = {"walltime": {"pbs": -29, "torque": 271, "lsf": 140}[FLAVOUR], "deleted": 271}
    code = codes.get(why, returned if returned >= 0 else 271)
    used = job["limit"] if why == "walltime" else int(seconds)
    change(job, state="F", code=code, ended=why, used=used)
    shutil.rmtree(folder, ignore_errors=True)


def serve():
    """Run jobs until the fake is removed, or the power fails."""
    boot = uuid.uuid4().hex
    running = {}
    while os.path.isdir(JOBS):
        say_alive(HOST, boot)
        for job in all_jobs():
            number = job["number"]
            if number in running:
                if running[number].see(job):
                    del running[number]
            elif job["state"] == "S" and job["boot"] == boot and change(job, state="R"):
                running[number] = Running(job)
        time.sleep(0.1)
    for each in running.values():
        each.end(signal.SIGKILL)
