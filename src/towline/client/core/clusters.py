"""Operations on clusters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from towline.client.core.caller import Caller
from towline.client.core.calls import Call, Pause, Steps, path_of
from towline.client.models import ClusterInfo
from towline.errors import LoginNeeded, NotInTime, SiteError

LOOK_SECONDS = (0.2, 2.0)
"""Pauses between two looks at what is waited for: the first and the longest."""

Look = Callable[[ClusterInfo], None]


def list_clusters(caller: Caller) -> Steps[list[ClusterInfo]]:
    """Return the clusters that one may see."""
    return (yield from caller.all(ClusterInfo, "/clusters"))


def get(caller: Caller, name: str) -> Steps[ClusterInfo]:
    """Return a cluster as it was last seen."""
    return (yield from caller.record(ClusterInfo, Call("GET", path_of("clusters", name))))


def define(caller: Caller, definition: Mapping[str, Any]) -> Steps[ClusterInfo]:
    """Define a new cluster."""
    call = Call("POST", "/clusters", body=dict(definition), again=False)
    return (yield from caller.record(ClusterInfo, call))


def redefine(caller: Caller, name: str, definition: Mapping[str, Any]) -> Steps[ClusterInfo]:
    """Put another definition in place of a cluster's."""
    call = Call("PUT", path_of("clusters", name), body=dict(definition))
    return (yield from caller.record(ClusterInfo, call))


def remove(caller: Caller, name: str) -> Steps[None]:
    """Forget a cluster."""
    yield from caller.send(Call("DELETE", path_of("clusters", name)))


def power(caller: Caller, name: str, desired: str) -> Steps[ClusterInfo]:
    """Ask a cluster to be on or off; asking twice is asking once."""
    call = Call("POST", path_of("clusters", name, "power"), body={"desired": desired})
    return (yield from caller.record(ClusterInfo, call))


def start_check(caller: Caller, name: str, asked: Mapping[str, Any]) -> Steps[None]:
    """Begin to try each step of the way to a cluster."""
    body = {key: value for key, value in asked.items() if value is not None}
    yield from caller.send(Call("POST", path_of("clusters", name, "check"), body=body))


def check_events(name: str) -> str:
    """Return the path of the stream of a check's steps."""
    return path_of("clusters", name, "check", "events")


def is_off(info: ClusterInfo) -> bool:
    """Return whether nobody has asked for this cluster to be on."""
    return info.desired != "on" and info.state in ("off", "stopping", "error")


def start(caller: Caller, name: str, started: Callable[[str], None]) -> Steps[ClusterInfo]:
    """Switch a cluster on when it is off.

    Args:
        caller: whose.
        name: the cluster.
        started: told before it is asked for: whoever starts a thing is to know it by then.

    """
    info = yield from get(caller, name)
    if is_off(info):
        started(name)
    elif info.on or info.desired == "on":
        return info
    return (yield from power(caller, name, "on"))


def wait(
    caller: Caller,
    name: str,
    state: str = "on",
    timeout: float | None = None,
    look: Look | None = None,
) -> Steps[ClusterInfo]:
    """Return a cluster once it is in a state.

    Args:
        caller: whose.
        name: the cluster.
        state: what to wait for.
        timeout: seconds at most; None: as long as it takes.
        look: told what is seen whenever it has changed.

    Raises:
        SiteError: it has an error, and will not come into that state by itself.
        LoginNeeded: it asks for something that only a person can answer.
        NotInTime: it took longer.

    """
    began = time.monotonic()
    pause, longest = LOOK_SECONDS
    seen = None
    while True:
        info = yield from get(caller, name)
        if (info.state, info.reason) != seen and look is not None:
            look(info)
        seen = (info.state, info.reason)
        if info.state == state:
            return info
        _give_up(info, state)
        waited = time.monotonic() - began
        if timeout is not None and waited + pause > timeout:
            why = f": {info.reason}" if info.reason else ""
            raise NotInTime(
                f"cluster {name}",
                f"is not {state} after {waited:.0f} s but {info.state}{why}",
                f"it goes on by itself; look: towline cluster show {name}",
            )
        yield Pause(pause)
        pause = min(pause * 1.5, longest)


def _give_up(info: ClusterInfo, state: str) -> None:
    thing, look = f"cluster {info.name}", f"towline cluster check {info.name}"
    if info.state == "input_needed":
        raise LoginNeeded(thing, info.reason or "asks for a password or code", look)
    if info.state == "error" and (info.desired or state) == state:
        raise SiteError(thing, f"could not be switched {state}: {info.reason or 'no reason'}", look)
    if state in ("on", "off") and info.desired not in (None, state):
        raise SiteError(thing, f"somebody has asked for it to be {info.desired}", look)
