"""The scripts that are run: what a user would write, with a line of output for each result."""

from __future__ import annotations

from typing import Any

HEAD = """\
import os, time
import parsl, towline
import towline.engine.batch
towline.engine.batch.POLL_SLOWEST = 2.0  # the testbed's schedulers are asked by nobody else

def app(label, function):
    return parsl.python_app(function, executors=[label])

def square(n, seconds=0.0):
    import time
    time.sleep(seconds)
    return n * n

def watch(futures, say):
    for n, future in futures.items():
        future.add_done_callback(lambda done, n=n: print(f"{say} {n} {done.exception()!r}"))
    return futures

"""

ONE_TASK = (
    HEAD
    + """\
with towline.load() as dfk:
    print("result", app("a", square)(7).result())
"""
)

WHEN_TOLD = (
    HEAD
    + """\
with towline.load() as dfk:
    print("loaded")
    while not os.path.exists("go"):
        time.sleep(0.05)
    print("result", app("a", square)(7).result())
"""
)

STREAM = (
    HEAD
    + """\
with towline.load() as dfk:
    a, b = app("a", square), app("b", square)
    futures = {("a", n): a(n, 0.4) for n in range(COUNT)}
    futures |= {("b", n): b(n, 0.4) for n in range(COUNT)}
    watch(futures, "got")
    wrong = [key for key, future in futures.items() if future.result() != key[1] ** 2]
    print("wrong results:", wrong)
    print("all done")
"""
)


def stream(count: int) -> str:
    """Return a script that streams so many tasks of 0.4 s to `a` and to `b` each."""
    return STREAM.replace("COUNT", str(count))


def on_both(**facts: Any) -> dict[str, Any]:
    """Return executors `a` on onprem and `b` on cloud, with these keys."""
    return {
        label: {"cluster": cluster, "packages": ["parsl"], "tasks_per_node": 2, **facts}
        for label, cluster in (("a", "onprem"), ("b", "cloud"))
    }


def on_onprem(**facts: Any) -> dict[str, Any]:
    """Return executor `a` on onprem, with these keys."""
    return {"a": on_both(**facts)["a"]}
