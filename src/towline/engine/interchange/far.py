"""An interchange on the controller: sent there, started, looked after.

It runs as a process group in the run's folder, like a block on the controller, so what ends those
(clean-up, the agent's lease) ends it.
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parsl.version import VERSION as PARSL_VERSION

from towline.engine.controller import BOOT, start_group
from towline.engine.interchange import config as configuration
from towline.engine.interchange import prefetch, serve
from towline.engine.interchange.commands import PatientCommands
from towline.engine.interchange.handover import HandOver, Place
from towline.engine.ledger import Report
from towline.environments import Environment
from towline.errors import TowlineError
from towline.ssh import Connection, quote

RETRY_SECONDS = 5.0

CLOSE_SECONDS = 10.0
"""For a start that is under way to end before what it has made is removed."""

FOR_EVER_SECONDS = 10**8
"""Limit of the process group; the run ends it long before."""

Listen = Callable[[str, int, str], int]


class FarInterchange:
    """One executor's interchange on its cluster's controller.

    Args:
        label: the executor's.
        folder: the run's, on the controller.
        address: of the controller, by which nodes reach it.
        listen: (name, port on the workspace, address there) -> port on the controller.

    """

    def __init__(
        self,
        label: str,
        connection: Connection,
        cluster: str,
        folder: str,
        address: str,
        environment: Environment,
        listen: Listen,
        report: Report,
    ) -> None:
        self.label = label
        self._connection = connection
        self._cluster = cluster
        self._folder = folder
        self._address = address
        self._environment = environment
        self._listen = listen
        self._report = report
        self._hand_over = HandOver()
        self.place: Place | None = None
        self.on_lost: Callable[[str], None] | None = None
        self._pickled = b""
        self._starts = 0
        self._may_run = False
        self._lock = threading.Lock()
        self._replacing = False
        self._lost_meanwhile = ""
        self._starting = threading.Lock()
        self._closed = threading.Event()

    @property
    def _name(self) -> str:
        return f"interchange.{self.label}.{self._starts}"

    @property
    def _keys(self) -> str:
        """Folder of the server's keys, among those that the agent removes when its lease ends."""
        return f"{self._folder}/certs/{self._name}"

    @property
    def socket(self) -> str:
        """Path of the socket, for the command line of the process that Parsl starts."""
        return str(self._hand_over.path)

    def take_over(self) -> None:
        """Take what Parsl has for its interchange to the controller, in a thread of its own."""
        name = f"interchange of {self.label}"
        threading.Thread(target=self._take_over, name=name, daemon=True).start()

    def commands(self, client: Any) -> PatientCommands:
        """Return what answers Parsl's questions from now on."""
        return PatientCommands(client, self._look)

    def watch(self, on_lost: Callable[[str], None]) -> None:
        """Have it replaced from now on, also when it was lost while it started."""
        with self._lock:
            self.on_lost = on_lost
            reason = self._lost_meanwhile
        if reason:
            self.lost(reason)

    def lost(self, reason: str) -> None:
        """Have the interchange replaced: it is dead, or what was on the way to it is lost.

        Returns at once; ``on_lost`` is called in a thread of its own, once until ``settled``.
        """
        with self._lock:
            if self._closed.is_set() or self.place is Place.WORKSPACE:
                return
            if self._replacing or self.on_lost is None:
                self._lost_meanwhile = reason
                return
            self._replacing = True
        threading.Thread(
            target=self.on_lost, args=(reason,), name=f"replace {self._name}", daemon=True
        ).start()

    def lost_while_starting(self) -> bool:
        """Say whether it was lost since it was started, while nobody could replace it yet."""
        with self._lock:
            return self.on_lost is None and bool(self._lost_meanwhile)

    def start_again(self) -> bool:
        """End what is left of the old interchange and start a new one, however long it takes.

        Returns:
            False when the run has ended meanwhile.

        """
        while not self._closed.is_set():
            with self._starting:
                if self._closed.is_set():
                    break
                try:
                    self._end()
                    self._start(self._pickled)
                except (OSError, TowlineError) as error:
                    self._say(f"a new interchange cannot be started yet: {error}")
                else:
                    return True
            self._closed.wait(RETRY_SECONDS)
        return False

    def settled(self) -> bool:
        """Take a new interchange for good; False when it was lost, too, since it was started."""
        with self._lock:
            self._replacing = bool(self._lost_meanwhile)
            return not self._replacing

    def close(self) -> None:
        """Forget the interchange; what runs on the controller is ended with the run's folder.

        Waits for a start that is under way, for a while, or it would outlive the folder.
        """
        self._closed.set()
        self._hand_over.close()
        self._hand_over.end()
        if self._starting.acquire(timeout=CLOSE_SECONDS):
            self._starting.release()

    def _take_over(self) -> None:
        try:
            self._pickled = self._hand_over.take()
        except (OSError, ValueError) as error:  # the process that Parsl started is no more
            self.place = Place.WORKSPACE
            if not self._closed.is_set():
                self._say(f"the interchange did not come up: {error}")
            return
        with self._starting:
            if self._closed.is_set():
                return
            try:
                self.place = self._start(self._pickled)
            except Exception as error:  # whatever it is: the process waits for an answer
                self._say(f"the interchange cannot run on the controller: {error}")
                if self._may_run:
                    self._withdraw()
                self.place = Place.WORKSPACE
        try:
            self._hand_over.answer(self.place)
        except OSError:
            self._hand_over.end()

    def _withdraw(self) -> None:
        """End what may have been started though no answer came: of two, each would get tasks."""
        while self._starts and not self._closed.is_set():
            try:
                self._end()
            except (OSError, TowlineError) as error:
                self._say(f"whether an interchange was started there is not known yet: {error}")
                self._closed.wait(RETRY_SECONDS)
            else:
                return

    def _start(self, pickled: bytes) -> Place:
        try:
            config = configuration.read(pickled)
        except configuration.NotUnderstood as error:
            self._say(f"the interchange stays on the workspace: parsl {PARSL_VERSION}: {error}")
            return Place.WORKSPACE
        self._starts += 1
        with self._lock:
            self._lost_meanwhile = ""
        ports = {
            port: self._listen(f"{self.label}-interchange-{port}", port, "127.0.0.1")
            for port in configuration.script_ports(config)
        }
        there = f"{self._folder}/{self._name}"
        surroundings = configuration.Surroundings(
            ports, self._address, self._keys, f"{self._folder}/logs/{self.label}"
        )
        self._send(
            there, Path(config["cert_dir"]), configuration.for_controller(config, surroundings)
        )
        script = "\n".join(
            [
                self._environment.activation,
                f"exec {quote(self._environment.python)} {quote(there)}/serve.py "
                f"{quote(there)}/config",
                "",
            ]
        )
        self._may_run = True
        self._connection.run(
            f"cd {quote(self._folder)}/jobs || exit 1\n{start_group(self._name, FOR_EVER_SECONDS)}",
            input=script.encode(),
            check=True,
        )
        return Place.CONTROLLER

    def _send(self, there: str, keys: Path, config: bytes) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for module in (serve, prefetch):
                assert module.__file__ is not None, "a file"  # noqa: S101
                name = Path(module.__file__).name
                _add(tar, f"{self._name}/{name}", Path(module.__file__).read_bytes())
            _add(tar, f"{self._name}/config", config)
            for key in sorted(keys.iterdir()):
                _add(tar, f"certs/{self._name}/{key.name}", key.read_bytes())
        self._connection.run(
            # the run's own folder is not made anew: once removed, nobody would remove it again
            f"umask 077; cd {quote(self._folder)} && "
            f"mkdir -p {quote(there)} {quote(self._keys)} && tar -xf -\n",
            input=archive.getvalue(),
            check=True,
        )

    def _end(self) -> None:
        """End the process group, if it lives: its workers' results have nowhere to go.

        Without its files, a start that is still under way there comes to nothing.
        """
        pid_file = quote(f"{self._folder}/jobs/{self._name}.pid")
        self._connection.run(
            f"rm -rf {quote(f'{self._folder}/{self._name}')} {quote(self._keys)}\n"
            f"{BOOT}[ -e {pid_file} ] && read pid booted < {pid_file} && "
            '[ "$booted" = "$boot" ] && kill -KILL "-$pid" 2>/dev/null\n:\n',
            check=True,
        )

    def _look(self) -> None:
        """Look whether it still runs: it has not answered for long, and the link may be down."""
        looked_for = self._name
        if self._replacing:
            return
        name = quote(f"{self._folder}/jobs/{looked_for}")
        try:
            answer = self._connection.run(
                f"[ -e {name}.exit ] && echo ended && exit 0\n"
                f'{BOOT}read pid booted < {name}.pid && [ "$booted" = "$boot" ] && '
                'kill -0 "-$pid" 2>/dev/null || echo ended\n',
                check=True,
            )
        except (OSError, TowlineError):
            return  # not reached: not observed
        if answer.stdout.strip() == "ended" and looked_for == self._name:
            self.lost("its process on the controller has ended")

    def _say(self, text: str) -> None:
        self._report("note", cluster=self._cluster, executor=self.label, text=text)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o600, len(content)
    tar.addfile(entry, io.BytesIO(content))
