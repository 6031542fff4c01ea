"""The supervisor's end of the relay."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from towline.testbed.network import WORKSPACE

_PROGRAM = Path(__file__).with_name("relay.py")
# Where the kernel can: look again soon after the network was frozen.
_START = 'echo 2000 2>/dev/null >/proc/sys/net/ipv4/tcp_rto_max_ms || :; exec "$@"'


class RelayProcess:
    """A relay that runs in the workspace's network namespace.

    Args:
        folder: gets one socket a door.
        log: the relay's standard error.

    """

    def __init__(self, folder: Path, log: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{WORKSPACE}", "sh", "-c", _START, "relay"),
                *(sys.executable, "-I", "-S", str(_PROGRAM), str(folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self._one_at_a_time = threading.Lock()

    def open(self, door: str, address: str) -> None:
        """Begin to relay the socket ``door`` to port 22 of an address."""
        self._ask(do="open", door=door, address=address)

    def reset(self, door: str) -> None:
        """Break off all connections of a door."""
        self._ask(do="reset", door=door)

    def delay(self, door: str, seconds: float) -> None:
        """Let everything take so long, each way."""
        self._ask(do="delay", door=door, seconds=seconds)

    def count(self, door: str) -> dict[str, int]:
        """Return the connections of a door: ``open`` now and ``accepted`` since the start."""
        return self._ask(do="count", door=door)

    def _ask(self, **request: Any) -> dict[str, Any]:
        to_relay, from_relay = self._process.stdin, self._process.stdout
        assert to_relay and from_relay  # noqa: S101 - both are pipes
        with self._one_at_a_time:
            to_relay.write(json.dumps(request) + "\n")
            to_relay.flush()
            line = from_relay.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the relay died"}
        if "error" in answer:
            raise RuntimeError(f"relay: {answer['error']}")
        return answer
