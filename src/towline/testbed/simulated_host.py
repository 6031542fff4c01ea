"""One simulated host: a set of namespaces whose first process is ``hostinit.sh``."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from towline.testbed.network import Network

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INIT = Path(__file__).with_name("hostinit.sh")


class SimulatedHost:
    """A host that can lose its power at any time; its disk survives.

    Args:
        name: the host name.
        folder: what ``disk.DiskWriter`` wrote for it.
        network: where it is plugged in.

    """

    def __init__(self, name: str, folder: Path, network: Network) -> None:
        self.name = name
        self._folder = folder
        self._network = network
        self._process: subprocess.Popen[bytes] | None = None
        self._switching = threading.RLock()  # start and stop never overlap

    @property
    def runs(self) -> bool:
        """Tell whether the host has power."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Give power; returns before the host has booted. Does nothing when it has power."""
        with self._switching:
            if self.runs:
                return
            self._network.unplug(self.name)  # what a host that died by itself left
            self._network.plug_in(self.name)
            with (self._folder / "console.log").open("ab") as console:
                self._process = subprocess.Popen(
                    [
                        *("nsenter", f"--net=/run/netns/{self.name}"),
                        *("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"),
                        *("--kill-child", "--propagation", "private"),
                        *("/bin/sh", str(_INIT), str(self._folder)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    start_new_session=True,
                )

    def stop(self) -> None:
        """Take the power away, without any goodbye."""
        with self._switching:
            if self._process is not None:
                if init := self.init_pid():
                    os.kill(init, signal.SIGKILL)  # the kernel kills all that run on the host
                else:
                    self._process.kill()
                self._process.wait()
                self._process = None
            self._network.unplug(self.name)

    def wait_booted(self, timeout: float = 60.0) -> None:
        """Wait until the daemons were started.

        Raises:
            RuntimeError: the host's first process died, or booting took too long.

        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            init = self.init_pid()
            if init and Path(f"/proc/{init}/root/run/booted").exists():
                return
            if not self.runs:
                raise RuntimeError(f"{self.name} died while booting:\n{self.console()}")
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not boot in {timeout:.0f} s:\n{self.console()}")

    def console(self) -> str:
        """Return the end of what the host's first process said."""
        return (self._folder / "console.log").read_text(errors="replace")[-2000:]

    def init_pid(self) -> int | None:
        """Return the host's first process, as the supervisor sees it; None without power."""
        process = self._process
        if process is None or process.poll() is not None:
            return None
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def run(self, argv: Sequence[str], timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
        """Run a command as root on the host and return what it said.

        Raises:
            RuntimeError: the host has no power.
            subprocess.TimeoutExpired: the command took too long.

        """
        init = self.init_pid()
        if init is None:
            raise RuntimeError(f"{self.name} has no power")
        enter = ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "--root", "--wd=/"]
        return subprocess.run(
            [*enter, "env", "-i", f"PATH={PATH}", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
