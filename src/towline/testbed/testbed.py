"""The testbed as its users see it."""

from __future__ import annotations

import os
import subprocess
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from towline.errors import TestbedError
from towline.testbed import control, launch, workspace_files
from towline.testbed.cluster_info import cluster_info
from towline.testbed.command_faults import CommandFault
from towline.testbed.network import WORKSPACE
from towline.testbed.requirements import Way, search_path, way
from towline.testbed.simulated_host import PATH
from towline.testbed.spec import (
    CLUSTERS,
    USUAL_CLUSTERS,
    Gate,
    testbed_of,
)

# What Slurm says when the job may or may not have been made.
LOST_ANSWER = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class Fault:
    """A fault that is in effect; leaving a ``with`` block heals it."""

    def __init__(self, heal: Callable[[], Any]) -> None:
        self.heal = heal

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.heal()


class Testbed:
    """Real clusters on this Linux machine: two with Slurm, ``onprem`` and ``cloud``, unless said.

    As a context manager it boots on entering (1 to 4 seconds) and leaves nothing. Faults take
    effect when called; used in a ``with`` statement they are healed at its end.

    Args:
        state_folder: the testbed's own folder; created, and removed at the end.
        accounting: run slurmdbd and MariaDB on ``cloud``; None: if their packages are there. Costs
            0.3 to 1 second and 100 MB of memory; the first time on a machine 3 seconds more.
        die_with_parent: end with this process, even by ``kill -9``.
        end_with: end with the process of this number instead.
        clusters: of ``onprem``, ``cloud``, ``sge`` (Grid Engine), ``condor`` (HTCondor),
            ``slurm24`` (Slurm 24.11) and ``elastic`` (Slurm; off until ``power_on``); ``sge``,
            ``condor`` and ``slurm24`` need a root tree, which is made once.
        progress: told what is done next while booting.

    """

    __test__ = False  # not a pytest class

    def __init__(
        self,
        state_folder: Path | str,
        accounting: bool | None = None,
        die_with_parent: bool = True,
        progress: Callable[[str], None] | None = None,
        end_with: int | None = None,
        clusters: Sequence[str] = USUAL_CLUSTERS,
    ) -> None:
        if unknown := sorted(set(clusters) - set(CLUSTERS)):
            raise TestbedError(
                f"testbed: {', '.join(unknown)}",
                f"no such cluster; there are {', '.join(CLUSTERS)}",
            )
        self.folder = Path(state_folder).absolute()
        self._spec = testbed_of(clusters)
        self.gate: Gate = self._spec.gate
        self.clusters = {c.name: cluster_info(c) for c in self._spec.clusters}
        self._accounting = accounting
        self._end_with = os.getpid() if die_with_parent and end_with is None else end_with
        self._progress = progress or (lambda _: None)
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    def attach(cls, state_folder: Path | str) -> Testbed:
        """Return the testbed that is up in a folder.

        Raises:
            TestbedError: there is none.

        """
        folder = Path(state_folder).absolute()
        control.supervisor_pid(folder)
        there = control.ask(folder, "status")["clusters"]
        return cls(folder, clusters=tuple(there))

    def __enter__(self) -> Testbed:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Boot; return when every node is idle.

        Raises:
            TestbedError: something is missing on this machine, or a part did not boot.

        """
        self._process = launch.start(
            self.folder,
            clusters=tuple(self.clusters),
            accounting=self._accounting,
            end_with=self._end_with,
            progress=self._progress,
        )

    def down(self) -> None:
        """End every process of the testbed and remove its folder."""
        launch.stop(self.folder, self._process)
        self._process = None

    @property
    def ssh_config(self) -> Path:
        """The file for ``ssh -F``: hosts onprem, cloud, gate, onprem-via-gate, cloud-via-gate."""
        return self.folder / workspace_files.SSH_CONFIG

    @property
    def one_time_code(self) -> str:
        """What the users ``otp`` answer when they are asked for a password."""
        return (self.folder / workspace_files.ONE_TIME_CODE).read_text()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the simulated hosts."""
        return self._spec.hosts

    def status(self) -> dict[str, Any]:
        """Return which hosts have power and which faults are in effect."""
        return dict(self._ask("status"))

    # --- commands ---------------------------------------------------------------------------

    def exec_argv(self, host: str, argv: Sequence[str], user: str | None = None) -> list[str]:
        """Return the command that runs ``argv`` on a host, for ``os.execvp`` or ``Popen``.

        Args:
            host: a simulated host, or ``ws``: the workspace's network with this machine's files.
            argv: the command.
            user: who runs it; root when None. Not for ``ws``.

        Raises:
            TestbedError: no such host, or it has no power.

        """
        supervisor = f"/proc/{control.supervisor_pid(self.folder)}"
        enter = ["nsenter"]
        if way() is Way.ROOTLESS:
            enter += [f"--user={supervisor}/ns/user", "--preserve-credentials"]
        if host == WORKSPACE:
            network = f"--net={supervisor}/root/run/netns/{WORKSPACE}"
            return [*enter, network, f"--pid={supervisor}/ns/pid", *argv]
        init = self._ask("host_pid", host=host)
        if init is None:
            raise TestbedError(f"host {host}", "has no power", f"towline testbed plug-in {host}")
        there = f"{supervisor}/root/proc/{init}"
        kinds = {"mount": "mnt", "uts": "uts", "ipc": "ipc", "net": "net", "pid": "pid"}
        enter += [f"--{kind}={there}/ns/{file}" for kind, file in kinds.items()]
        enter += [f"--root={there}/root", f"--wd={there}/root"]
        home, become = "/root", []
        if user is not None:
            home = f"/home/{user}"
            become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        settings = [f"PATH={PATH}", f"HOME={home}", f"USER={user or 'root'}", "LANG=C.UTF-8"]
        settings.append(f"TERM={os.environ.get('TERM', 'dumb')}")
        return [*enter, "env", "-i", f"--chdir={home}", *settings, *become, *argv]

    def exec(
        self,
        host: str,
        argv: Sequence[str],
        user: str | None = None,
        check: bool = True,
        input: str | None = None,  # noqa: A002 - as in subprocess.run
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a simulated host, or with the workspace's network (``ws``).

        Raises:
            TestbedError: no such host, no power, or (with ``check``) the command failed.
            subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.

        """
        return self._run(
            f"{host}: {argv[0]}", self.exec_argv(host, argv, user), check, input, timeout
        )

    def ssh(
        self,
        cluster: str,
        command: str,
        user: str | None = None,
        check: bool = True,
        input: str | None = None,  # noqa: A002 - as in subprocess.run
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command over SSH, as a Host of ``ssh_config``; raises as ``exec`` does."""
        login = ["-l", user] if user else []
        argv = ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", *login, cluster, command]
        return self._run(f"ssh {cluster}", argv, check, input, timeout)

    def _run(
        self, thing: str, argv: Sequence[str], check: bool, text: str | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "PATH": search_path()},
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()[-1000:]
            raise TestbedError(thing, f"ended with {done.returncode}: {said}")
        return done

    # --- faults -----------------------------------------------------------------------------

    def unplug(self, host: str) -> Fault:
        """Pull a host's power plug; its disk survives."""
        return self._fault(lambda: self.plug_in(host), "unplug", host=host)

    def plug_in(self, host: str) -> None:
        """Give a host power and wait until its daemons were started."""
        self._ask("plug_in", host=host)

    def power_cycle(self, host: str) -> None:
        """Pull the plug and put it in again; wait until the daemons were started."""
        self._ask("power_cycle", host=host)

    def cut(self, cluster: str) -> Fault:
        """Break off every SSH connection to a cluster and refuse new ones until ``restore``."""
        return self._fault(lambda: self.restore(cluster), "cut", cluster=cluster)

    def restore(self, cluster: str) -> None:
        """Undo ``cut``."""
        self._ask("restore", cluster=cluster)

    def freeze(self, cluster: str) -> Fault:
        """Lose every packet from and to a cluster until ``thaw``; connections are not told."""
        return self._fault(lambda: self.thaw(cluster), "freeze", cluster=cluster)

    def thaw(self, cluster: str) -> None:
        """Undo ``freeze``; connections go on where they were, within about two seconds."""
        self._ask("thaw", cluster=cluster)

    def set_round_trip(self, cluster: str, milliseconds: float) -> Literal["netem", "relay"]:
        """Add so much round-trip time to a cluster; 0 for none.

        Returns:
            Who delays: the kernel's ``netem``, or the testbed's own ``relay`` where there is none.

        """
        who: Literal["netem", "relay"] = self._ask(
            "set_round_trip", cluster=cluster, milliseconds=milliseconds
        )
        return who

    def fill_disk(self, cluster: str, leave_bytes: int = 0) -> Fault:
        """Leave only so many bytes on a cluster's ``/home``; then writes fail with ENOSPC."""
        heal = self.free_disk
        return self._fault(
            lambda: heal(cluster), "fill_disk", cluster=cluster, leave_bytes=leave_bytes
        )

    def free_disk(self, cluster: str) -> None:
        """Undo ``fill_disk``."""
        self._ask("free_disk", cluster=cluster)

    def fault_command(self, cluster: str, command: str, fault: CommandFault) -> Fault:
        """Make a scheduler command on a controller misbehave until ``heal_command``."""
        return self._fault(
            lambda: self.heal_command(cluster, command),
            "fault_command",
            cluster=cluster,
            command=command,
            fault=fault.as_dict(),
        )

    def hang_command(self, cluster: str, command: str, times: int | None = None) -> Fault:
        """Let a command hang until it is healed; then it does its work."""
        return self.fault_command(cluster, command, CommandFault("hang", times=times))

    def fail_command(
        self, cluster: str, command: str, message: str, exit_code: int = 1, times: int | None = None
    ) -> Fault:
        """Let a command fail with a message, without doing its work, for so many calls."""
        fault = CommandFault("fail", message=message, exit_code=exit_code, times=times)
        return self.fault_command(cluster, command, fault)

    def delay_command(
        self,
        cluster: str,
        command: str,
        seconds: float,
        when: Literal["before", "after"] = "before",
        times: int | None = None,
    ) -> Fault:
        """Let a command start late (``before``), or work at once but answer late (``after``)."""
        kind: Literal["late", "late_answer"] = "late" if when == "before" else "late_answer"
        return self.fault_command(cluster, command, CommandFault(kind, seconds, times=times))

    def lose_answer(
        self,
        cluster: str,
        command: str = "sbatch",
        message: str = LOST_ANSWER,
        times: int | None = None,
    ) -> Fault:
        """Let a command do its work, yet fail as if it might not have: the job exists."""
        fault = CommandFault("lost_answer", message=message, times=times)
        return self.fault_command(cluster, command, fault)

    def heal_command(self, cluster: str, command: str) -> None:
        """Undo a command's fault."""
        self._ask("heal_command", cluster=cluster, command=command)

    def heal(self) -> None:
        """Undo all faults, give every host power, cancel all jobs, wait until nodes are idle."""
        self._ask("heal")

    # --- the power of whole clusters ----------------------------------------------------------

    def power(self, cluster: str) -> dict[str, Any]:
        """Return ``state`` (off, starting, on, failed), ``trouble``, ``starts``, ``nodes``."""
        return dict(self._ask("power", cluster=cluster))

    def power_on(self, cluster: str) -> dict[str, Any]:
        """Begin to boot all hosts of a cluster and return as ``power``.

        With the key ``refused`` when there is no capacity; then nothing was started.
        """
        return dict(self._ask("power_on", cluster=cluster))

    def power_off(self, cluster: str) -> dict[str, Any]:
        """Take the power from all hosts of a cluster; return when no process of it is left."""
        return dict(self._ask("power_off", cluster=cluster))

    def set_power(
        self, cluster: str, *, boot_seconds: float | None = None, refusals: int | None = None
    ) -> None:
        """Set how long a start takes at least, and how many starts from now find no capacity."""
        self._ask("set_power", cluster=cluster, boot_seconds=boot_seconds, refusals=refusals)

    def connections(self, cluster: str) -> dict[str, int]:
        """Return the SSH connections to a cluster: ``open`` now, ``accepted`` since the boot."""
        return dict(self._ask("connections", cluster=cluster))

    def _fault(self, heal: Callable[[], Any], do: str, **request: Any) -> Fault:
        self._ask(do, **request)
        return Fault(heal)

    def _ask(self, do: str, **request: Any) -> Any:
        return control.ask(self.folder, do, **request)
