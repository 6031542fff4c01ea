"""Bring an environment, and look at it there."""

from __future__ import annotations

import json
from importlib.metadata import version

from towline.environments import LockStore, realise

PARSL = version("parsl")


def bring(request, machine, **keys):
    return realise(request, machine, machine.facts(), cluster="onprem", **keys)


def said_there(machine, environment, code: str) -> str:
    script = f"{environment.activation}\n{environment.python} -c {code!r}\n"
    answer = machine.run(script)
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout.strip()


def lock_of(environment, machine):
    record = json.loads(machine.inside(f"{environment.prefix}/lock.json").read_text())
    return LockStore().load(record["request"])
