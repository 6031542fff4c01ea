"""Processes named so that a recycled pid is not mistaken for them."""

from __future__ import annotations

import enum
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class Liveness(enum.Enum):
    """What can be seen of a process from here."""

    ALIVE = "alive"
    GONE = "gone"
    NOT_OBSERVED = "not observed"  # on another machine, or in another container


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one boot of one machine.

    ``started`` is the kernel's own figure (ticks since boot on Linux): unlike a date, it does not
    move when the clock is set. ``space`` is the pid namespace.
    """

    pid: int
    started: str
    host: str
    boot: str
    space: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of a running process of this machine; None when it is gone."""
        started = start_mark(pid)
        if started is None:
            return None
        return cls(pid, started, platform.node(), _boot(), _space())

    @classmethod
    def own(cls) -> ProcessIdentity:
        """Return the identity of this process."""
        identity = cls.of(os.getpid())
        if identity is None:
            raise RuntimeError("this process does not find itself in the process table")
        return identity

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ProcessIdentity:
        """Return the identity that ``as_dict`` wrote.

        Raises:
            KeyError: when a field is missing.

        """
        return cls(int(record["pid"]), *(str(record[k]) for k in _TEXTS))

    def as_dict(self) -> dict[str, Any]:
        """Return the identity as it is written to ``supervisor.json``."""
        return asdict(self)

    def look(self) -> Liveness:
        """Say whether the process still runs, as far as this process can see."""
        if self.host != platform.node():
            return Liveness.NOT_OBSERVED
        if self.boot != _boot():
            return Liveness.GONE  # the machine was started anew
        if self.space != _space():
            return Liveness.NOT_OBSERVED
        return Liveness.ALIVE if start_mark(self.pid) == self.started else Liveness.GONE

    def same_kernel(self) -> bool:
        """Say whether the process belongs to this boot of this machine, visible or not."""
        return self.host == platform.node() and self.boot == _boot()


_TEXTS = ("started", "host", "boot", "space")


def start_mark(pid: int) -> str | None:
    """Return what tells a process from a later one with its pid; None when gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_mark_by_psutil(pid)
    except ProcessLookupError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()  # the name in brackets may hold anything
    state, started = fields[0], fields[19]
    return None if state in b"ZX" else started.decode()


def _start_mark_by_psutil(pid: int) -> str | None:
    import psutil  # no /proc: macOS

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(process.create_time())
    except psutil.Error:
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
