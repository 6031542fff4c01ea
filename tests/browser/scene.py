"""A populated Towline for pictures and walks: clusters as looks saw them, workflows, runs.

The clusters are stand-ins: their definitions are real, what was seen of them is written here, and
nobody visits them. Runs are real folders with the records that a run writes.
"""

from __future__ import annotations

import getpass
import json
import random
import time
from pathlib import Path
from typing import Any

from towline.clusters import CheckStep, ClusterStore, Observation, define
from towline.clusters.check_step import Status
from towline.clusters.power import PowerState
from towline.runs import RunFolder
from towline.runs.folder import write_whole
from towline.workflows import Catalog, FromPath

NEVER = 1e18
USER = getpass.getuser()
"""Whose the runs are."""

THUMBNAIL = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 140">
<rect width="320" height="140" fill="#10243c"/><g fill="none" stroke="#4fa3ff" stroke-width="2">
<path d="M0 100C60 20 100 120 160 70S260 30 320 80"/><path d="M0 120C60 60 100 130 160 95S260 70
 320 104" stroke="#38c6a8"/></g><circle cx="160" cy="70" r="7" fill="#ffc857"/></svg>"""

WORKFLOW = """title: Parameter sweep
description: Runs a solver for each pressure and temperature, on one or two clusters.
thumbnail: sweep.svg
tags: [parsl, sweep, demo]
inputs:
  case:
    type: string
    label: Case
    help: "Names the output folder: letters, digits and `-`."
    pattern: "[a-z0-9-]+"
    pattern-help: may have small letters, digits and dashes
    default: baseline
  mesh: {type: file, label: Mesh, accept: [.msh, .txt], required: false}
  steps: {type: integer, label: Time steps, min: 1, max: 100000, default: 200, unit: steps}
  tolerance: {type: number, label: Tolerance, default: 0.001}
  solver:
    type: choice
    label: Solver
    default: implicit
    options:
      - {value: implicit, label: "Implicit (robust)"}
      - {value: explicit, label: "Explicit (fast)"}
  courant: {type: number, label: Courant number, default: 0.5, show-if: {solver: explicit}}
  outputs:
    type: multi-choice
    label: Fields to keep
    default: [pressure]
    options: [pressure, velocity, temperature]
  where: {type: cluster, label: Cluster, default: onprem}
  queue: {type: partition, label: Partition, required: false}
  points:
    type: list
    label: Points
    default: [{p: 1.0, t: 300}]
    items:
      type: group
      inputs:
        p: {type: number, label: Pressure, unit: bar, default: 1.0}
        t: {type: number, label: Temperature, unit: K, default: 300}
  mail:
    type: group
    label: When it is over
    collapsed: true
    inputs:
      send: {type: boolean, label: Send a mail}
      token: {type: secret, label: Token, required: false, show-if: {send: true}}
  notes: {type: text, label: Notes, required: false, rows: 3, advanced: true}
run: [python, main.py]
outputs: ["*.txt"]
presets:
  coarse: {steps: 20, tolerance: 0.1}
"""

README = """# Parameter sweep

Solves the case for each *point*, one task a point.

## What you get

- `result.txt`: one line a point
- a picture of the field

```
p [bar]   t [K]   drag
1.0       300     0.0231
```

See the [handbook](https://example.org/handbook).
"""

MAIN = """import time
for step in range(3):
    print(f"\\x1b[1;32mstep {step}\\x1b[0m done", flush=True)
    time.sleep(0.05)
open("result.txt", "w").write("1.0 300 0.0231\\n")
"""


def workflow_folder(folder: Path, text: str = WORKFLOW) -> Path:
    """Write the folder of a workflow."""
    folder.mkdir(parents=True)
    (folder / "workflow.yaml").write_text(text)
    (folder / "README.md").write_text(README)
    (folder / "main.py").write_text(MAIN)
    (folder / "sweep.svg").write_text(THUMBNAIL)
    return folder


def install(folder: Path) -> None:
    """Install the workflows."""
    Catalog().add(FromPath(workflow_folder(folder / "sweep")))
    hello = folder / "hello"
    hello.mkdir()
    (hello / "main.py").write_text("print('hello')\n")
    (hello / "workflow.yaml").write_text(
        "title: Hello from a cluster\ndescription: Says which node it runs on.\n"
        "tags: [demo, ssh]\nrun: [python, main.py]\n"
    )
    Catalog().add(FromPath(hello))


def define_clusters() -> None:
    """Write the definitions."""
    store = ClusterStore()
    store.add(
        define("onprem", type="slurm", host="login.onprem.example", description="The institute's")
    )
    store.add(define("gcp_slurm", type="slurm", host="34.70.213.231", user="ada"))
    store.add(define("archive", type="ssh", host="archive.example", description="Old data"))
    store.add(define("campus", type="pbs", host="campus.example", user="ada"))


def observed() -> Observation:
    """Return what a look at a cluster saw."""
    return Observation.model_validate(
        {
            "state": "on",
            "controller": "10.0.0.1",
            "scheduler": "Slurm 22.05.8",
            "partitions": [
                {
                    "name": "compute",
                    "default": True,
                    "nodes": 14,
                    "nodes_available": 13,
                    "cpus_per_node": 64,
                    "mem_mb": 257000,
                    "max_time_minutes": 1440,
                    "nodes_by_state": {"idle": 6, "allocated": 5, "mixed": 2, "down*": 1},
                },
                {
                    "name": "gpu",
                    "nodes": 4,
                    "nodes_available": 4,
                    "cpus_per_node": 48,
                    "mem_mb": 512000,
                    "nodes_by_state": {"idle": 3, "drained": 1},
                },
            ],
            "nodes_by_state": {"idle": 9, "allocated": 5, "mixed": 2, "drained": 1, "down*": 1},
            "registered_workers": 16,
            "requested_workers": 16,
            "queue": {"running": 7, "waiting": 3},
            "jobs": [
                {
                    "id": "48213",
                    "name": "tl.r3-0a1b2c3d.solver.0",
                    "state": "RUNNING",
                    "partition": "compute",
                    "nodes": 2,
                    "run": "r3-0a1b2c3d",
                },
                {
                    "id": "48220",
                    "name": "postprocess",
                    "state": "PENDING",
                    "partition": "gpu",
                    "nodes": 1,
                    "reason": "Resources",
                },
            ],
            "disk": {"path": "/home/ada/.towline", "free_mb": 812000, "total_mb": 2000000},
            "quotas": [{"file_system": "/home", "used_mb": 41000, "limit_mb": 100000}],
            "observed_at": time.time() - 8,
        }
    )


STEPS = [
    CheckStep("host name", Status.OK, "login.onprem.example is 10.0.0.1", 0.004),
    CheckStep("ssh", Status.OK, "connected as ada with ~/.ssh/id_ed25519", 0.312),
    CheckStep("python", Status.OK, "/usr/bin/python3 is 3.9.16", 0.08),
    CheckStep("scheduler", Status.OK, "Slurm 22.05.8, 2 partitions, you may submit", 0.21),
    CheckStep(
        "disk",
        Status.WARN,
        "/home has 3.1 GB free",
        0.03,
        "an environment takes 1 to 5 GB: free some, or set root",
    ),
]


async def nobody_visits(_reconciler: Any, managed: Any) -> None:
    """Stand in for a visit of a cluster, none of which is there."""
    managed.due = NEVER


def dress_clusters(services: Any) -> None:
    """Put on the server's clusters what was seen of them; called on its loop."""
    from towline.server.control.managed import Check

    known = services.clusters.clusters
    for managed in known.values():
        managed.since = time.time() - 4000
        managed.state, managed.reason = PowerState.OFF, ""
    onprem = known["onprem"]
    onprem.observation, onprem.observed_at = observed(), time.time() - 8
    onprem.state, onprem.reason = PowerState.ON, ""
    onprem.check = Check(time.time() - 60, list(STEPS), running=False)
    gcp = known["gcp_slurm"]
    gcp.state, gcp.reason = PowerState.STARTING, "connecting"
    gcp.since = time.time() - 12
    campus = known["campus"]
    campus.state = PowerState.ERROR
    campus.reason = "campus.example refuses the key ~/.ssh/id_ed25519"
    for managed in known.values():
        services.runs.changes.publish("cluster", managed.name, "{}", subject=managed)


def make_run(
    title: str,
    workflow: str | None = None,
    *,
    tasks: int = 0,
    state: str = "succeeded",
    log: str = "",
    reason: str = "",
    owner: str | None = None,
) -> RunFolder:
    """Write a run as it would have written itself; an empty state leaves it running."""
    folder = RunFolder.create(f"/home/ada/{title}.py")
    about = json.loads(folder.run_json.read_text())
    about |= {"title": title, "clusters": {"solver": "onprem"}, "owner": owner or USER}
    about |= {"host": "workspace", "cwd": "/home/ada"}
    if workflow:
        about |= {"workflow": {"name": workflow, "version": 1}, "inputs": {"case": title}}
    write_whole(folder.run_json, json.dumps(about))
    folder.keep()
    events = folder.events
    events.append("starting")
    events.append("running", pid=1)
    for cluster in ("onprem", "gcp_slurm"):
        events.append("cluster_connecting", cluster=cluster)
        events.append("cluster_connected", cluster=cluster, seconds=0.31)
        events.append("environment", cluster=cluster, state="ready", seconds=2.4, cached=True)
        events.append("preflight", cluster=cluster, seconds=0.4)
        events.append("link", cluster=cluster, state="starting")
        events.append("link", cluster=cluster, state="up", seconds=0.2)
        label = f"{cluster}_solver"
        block: dict[str, Any] = {"cluster": cluster, "executor": label, "block": "0"}
        block |= {"job_id": "48213", "nodes": "n01"}
        events.append("block", **block, state="queued", reason="Resources")
        events.append("block", **block, state="running")
    age = 190.0 if state else 33.0
    broken = 1 if state == "failed" else 0
    rows = [row for row in _rows(tasks, time.time() - age, broken) if row["time"] <= time.time()]
    done = sum(row.get("state") == "done" for row in rows)
    events.append("progress", done=done, failed=broken, total=tasks)
    folder.tasks.mkdir()
    closed = [{"time": 1e11, "closed": True}] if state else []
    (folder.tasks / "1.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows, *closed])
    )
    folder.stdout_log.write_text(log or "".join(f"\x1b[32mpoint {n}\x1b[0m ok\n" for n in range(9)))
    folder.stderr_log.write_text("")
    work = folder.path / "work"
    work.mkdir(exist_ok=True)
    (work / "result.txt").write_text("1.0 300 0.0231\n")
    if state:
        counts = {"done": done, "failed": broken, "total": tasks}
        events.append(
            "ended",
            state=state,
            exit_code=0 if state == "succeeded" else 1,
            seconds=184.2,
            leftovers=[],
            reason=reason,
            tasks=counts,
            clusters=["onprem", "gcp_slurm"],
        )
    _make_older(folder, age)
    return folder


def _make_older(folder: RunFolder, seconds: float) -> None:
    """Put all that is written of a run into the past, but for its end."""
    about = json.loads(folder.run_json.read_text())
    write_whole(folder.run_json, json.dumps({**about, "created": about["created"] - seconds}))
    events = [json.loads(line) for line in folder.events.path.read_text().splitlines()]
    for each in events:
        if each["event"] != "ended":
            each["time"] -= seconds
    folder.events.path.write_text("".join(json.dumps(each) + "\n" for each in events))


def _rows(tasks: int, begin: float, broken: int = 0) -> list[dict[str, Any]]:
    labels = {f"{name}_solver": name for name in ("onprem", "gcp_slurm")}
    rows: list[dict[str, Any]] = [{"executors": labels, "time": begin}]
    numbers, busy = random.Random(7), dict.fromkeys(range(8), begin + 4.0)  # noqa: S311 - a picture
    for task in range(tasks):
        worker = min(busy, key=lambda each: busy[each])
        start, seconds = busy[worker], numbers.uniform(3, 14)
        busy[worker] = start + seconds + 0.3
        cluster = ("onprem", "gcp_slurm")[worker % 2]
        app = ("mesh", "solve", "reduce")[task % 3]
        own = {"task": task, "try": 0}
        facts = {"app": app, "executor": f"{cluster}_solver", "called": begin}
        rows.append({"time": begin + 1, **own, "state": "launched", **facts})
        measures = {"start": start, "seconds": seconds, "cpu": seconds * 0.9, "memory": 180_000_000}
        place = {"host": f"{cluster}-n1", "block": "0", "pool": "p", "worker": str(worker // 2)}
        state = "failed" if task >= tasks - broken else "done"
        end = {"time": start + seconds, **own, "state": state, **measures, **place}
        if state == "failed":
            end |= {"error": "ValueError", "text": "mesh is not closed"}
        rows.append({**end, "pid": 7, "grew": True})
    return rows


def make_runs() -> None:
    """Write a handful of runs of all kinds."""
    make_run("nightly sweep", "sweep", tasks=48)
    trouble = "Traceback (most recent call last):\n  ...\nValueError: mesh is not closed\n"
    why = "the script ended with 1"
    failed = make_run("finer mesh", "sweep", tasks=3, state="failed", reason=why)
    failed.stderr_log.write_text(trouble)
    make_run("train_ships", tasks=12, state="cancelled", reason="cancelled by ada")
    make_run("coarse", "sweep", tasks=24)
    make_run("hello", "hello")
    make_run("long sweep", "sweep", tasks=40, state="")
