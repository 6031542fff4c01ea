"""The power of a whole cluster, switched as a cloud's API would do it; runs in the supervisor.

A cluster that is off has no process, no network and no address that answers. Switching it on takes
as long as was set, may be refused for want of capacity, and is over when every node is idle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from towline.testbed.simulated_host import SimulatedHost

NO_CAPACITY = "InsufficientInstanceCapacity"
"""What a refused start says; EC2's word."""


class PowerSwitch:
    """Switches all hosts of a cluster.

    Args:
        hosts: the controller first.
        wait_until_idle: returns when every node can take a job; raises RuntimeError if none will.

    """

    def __init__(
        self, hosts: Sequence[SimulatedHost], wait_until_idle: Callable[[], object]
    ) -> None:
        self._hosts = hosts
        self._wait_until_idle = wait_until_idle
        self._lock = threading.Lock()
        self._boot: threading.Thread | None = None
        self._given_up = threading.Event()
        self._boot_seconds = 0.0
        self._refusals = 0
        self._starts = 0
        self._trouble = ""

    def actions(self) -> dict[str, Callable[..., Any]]:
        """Return what the control socket may ask, by name."""
        return {
            "power": self.power,
            "power_on": self.power_on,
            "power_off": self.power_off,
            "set_power": self.set_power,
        }

    def power(self) -> dict[str, Any]:
        """Return ``state`` (``off``, ``starting``, ``on``, ``failed``), and why it failed.

        ``starts`` counts the boots so far, ``nodes`` those that have power.
        """
        running = [host.runs for host in self._hosts]
        if self._boot is not None and self._boot.is_alive():
            state = "starting"
        elif self._trouble:
            state = "failed"
        else:
            state = "on" if running[0] else "off"
        return {
            "state": state,
            "trouble": self._trouble,
            "starts": self._starts,
            "nodes": sum(running[1:]),
        }

    def power_on(self) -> dict[str, Any]:
        """Begin to boot all hosts and return; nothing happens when they run or boot already.

        Returns:
            As ``power``; with ``refused`` when there is no capacity.

        """
        with self._lock:
            if self.power()["state"] in ("off", "failed"):
                if self._refusals:
                    self._refusals -= 1
                    return {**self.power(), "refused": NO_CAPACITY}
                self._given_up.clear()
                self._trouble = ""
                self._starts += 1
                self._boot = threading.Thread(target=self._start, daemon=True)
                self._boot.start()
            return self.power()

    def power_off(self) -> dict[str, Any]:
        """Take the power from all hosts, also from those that boot; return when it is done."""
        with self._lock:
            self._given_up.set()
            if self._boot is not None:
                for host in self._hosts:
                    host.stop()
                self._boot.join()
            for host in self._hosts:
                host.stop()
            self._boot, self._trouble = None, ""
            return self.power()

    def set_power(self, boot_seconds: float | None = None, refusals: int | None = None) -> None:
        """Set how long a start takes at least, and how many starts are refused from now on."""
        if boot_seconds is not None:
            self._boot_seconds = boot_seconds
        if refusals is not None:
            self._refusals = refusals

    def _start(self) -> None:
        if self._given_up.wait(self._boot_seconds):
            return
        try:
            for host in self._hosts:
                if not self._given_up.is_set():
                    host.start()
            self._wait_until_idle()
        except (RuntimeError, OSError) as error:
            if not self._given_up.is_set():
                self._trouble = str(error)
