"""Parsl's HighThroughputExecutor, told when it starts and when it is shut down."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parsl.executors import HighThroughputExecutor
from parsl.executors.errors import BadStateException
from parsl.executors.high_throughput.executor import HTEXFuture
from zmq.constants import SocketOption
from zmq.error import ZMQError

from towline.engine.interchange.far import FarInterchange
from towline.engine.interchange.first_answer import FirstAnswer
from towline.engine.interchange.handover import Place
from towline.engine.interchange.waiting import OutstandingTasks, WaitingTasks
from towline.engine.ledger import Report
from towline.engine.tasks import TaskObserver, compressed_task, submit_measured
from towline.errors import InterchangeLost, TasksLost

SEND_SECONDS = 5
"""For the interchange to take a task; its queue has no end."""

START_SECONDS = 120
"""For a new interchange to answer; it imports Parsl first."""

ANSWER_SECONDS = 10
"""For the interchange to answer one of Parsl's questions; it needs milliseconds."""


class WatchedExecutor(HighThroughputExecutor):
    """An unchanged HighThroughputExecutor whose interchange is watched.

    Parsl does not notice that its interchange has died (Parsl issue 3374): its tasks, and every
    question to it, wait for ever. Here the tasks fail at once.

    Args:
        report: takes the error.
        observer: is told of each task, which is then measured where it runs.
        compress: send large arguments and results compressed, where that pays.

    """

    command_client: Any
    outgoing_q: Any
    worker_port: Any

    def __init__(
        self,
        *,
        report: Report,
        observer: TaskObserver | None = None,
        compress: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._report = report
        self.observer = observer
        self.compress = compress
        self._stopping = False
        self._sending = threading.Lock()
        self.interchange_died = False

    def start(self) -> None:
        """Start the interchange and its watch."""
        super().start()
        self._guard_questions()
        # without a peer the socket would block for ever; closing it meanwhile aborts the process
        self.outgoing_q.zmq_socket.setsockopt(SocketOption.SNDTIMEO, SEND_SECONDS * 1000)
        threading.Thread(
            target=self._watch, name=f"interchange of {self.label}", daemon=True
        ).start()

    def shutdown(self, timeout: float = 10.0) -> None:
        """Shut down; the end of the interchange is expected from now on."""
        self._stopping = True
        if self.bad_state_is_set and self.provider is not None:
            # Parsl leaves the blocks of a bad executor alone (Parsl issue 2961)
            self.provider.cancel(list(self.blocks_to_job_id.values()))
        with self._sending:
            super().shutdown(timeout)

    def submit(
        self,
        func: Callable[..., Any],
        resource_specification: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> HTEXFuture:
        """Submit a task, measured when there is an observer."""
        submit = super().submit
        if self.observer is None and not self.compress:
            return submit(func, resource_specification, *args, **kwargs)
        return submit_measured(
            submit,
            self.observer,
            self.label,
            func,
            resource_specification,
            args,
            kwargs,
            self.compress,
        )

    def submit_payload(self, context: dict[str, Any], buffer: bytes) -> Any:
        """Send a task to the interchange; fail it at once when that is gone."""
        if self.compress and "task_executor" not in context:  # such a message is no task of ours
            buffer = compressed_task(buffer)
        with self._sending:
            try:
                return super().submit_payload(context, buffer)
            except ZMQError as error:
                raise BadStateException(self, self.executor_exception or error) from error

    def connected_blocks(self) -> list[str]:
        """Return the blocks whose workers have come; none once the interchange is dead."""
        return [] if self.interchange_died else list(super().connected_blocks())

    def connected_managers(self) -> list[dict[str, Any]]:
        """Return the managers; none once the interchange is dead."""
        return [] if self.interchange_died else list(super().connected_managers())

    def _guard_questions(self) -> None:
        """Let no question to the interchange wait for ever.

        One under way when it dies would hold Parsl's scaling thread, and so every other executor.
        """
        self.command_client.run = functools.partial(
            self.command_client.run, timeout_s=ANSWER_SECONDS
        )

    def _watch(self) -> None:
        code = self.interchange_proc.wait()
        if self._stopping or self.bad_state_is_set:
            return
        self.interchange_died = True
        error = InterchangeLost(
            f"executor {self.label}",
            f"Parsl's interchange ended by itself (exit code {code}); its tasks have failed",
            "towline run again; interchange.log in the run folder may say why",
        )
        self._report("error", executor=self.label, **error.as_dict())
        self.set_bad_state_and_fail_all(error)


class RemoteExecutor(WatchedExecutor):
    """An executor that says where its interchange listens, and may have it on the controller.

    Args:
        on_start: called with the worker port, the folder of certificates, and whether the port is
            the controller's, once they exist; the port is 0 while an interchange is replaced.
        on_shutdown: called when Parsl has shut the executor down.
        far: takes the interchange to the controller.

    """

    def __init__(
        self,
        *,
        on_start: Callable[[int, Path, bool], None],
        on_shutdown: Callable[[], None],
        far: FarInterchange | None = None,
        **options: Any,
    ) -> None:
        if far is not None:
            options["interchange_launch_cmd"] = [*options["interchange_launch_cmd"], far.socket]
        super().__init__(**options)
        self._on_start = on_start
        self._on_shutdown = on_shutdown
        self._far = far
        self._tasks = OutstandingTasks()

    def start(self) -> None:
        """Start the interchange, then say where it listens."""
        if self._far is not None:
            self._far.take_over()
        super().start()
        self._on_start(self.worker_port, Path(self.cert_dir), self._is_far())
        if self._far is not None and self._is_far():
            self.outgoing_q = WaitingTasks(self.outgoing_q, self._sending)
            self._far.watch(self._replace_interchange)

    def _start_local_interchange_process(self) -> None:
        """Start it as Parsl does; where it is lost before it has answered, start another."""
        if self._far is not None:
            far, client = self._far, self.command_client
            client.run = FirstAnswer(client, far.lost_while_starting, far.start_again)
        super()._start_local_interchange_process()
        self.command_client.__dict__.pop("run", None)

    def shutdown(self, timeout: float = 10.0) -> None:
        """Shut down, then say so, whatever happened."""
        try:
            super().shutdown(timeout)
        finally:
            if self._far is not None:
                self._far.close()
            self._on_shutdown()

    def _is_far(self) -> bool:
        return self._far is not None and self._far.place is Place.CONTROLLER

    def _guard_questions(self) -> None:
        if self._far is not None and self._is_far():
            self.command_client = self._far.commands(self.command_client)
        else:
            super()._guard_questions()

    def _replace_interchange(self, reason: str) -> None:
        """Put a new interchange in the place of a lost one; Parsl tries again what it held."""
        try:
            self._put_new_interchange(reason)
        except Exception as error:
            if self._stopping:
                return  # its sockets are closed
            given_up = InterchangeLost(
                f"executor {self.label}",
                f"its interchange was lost ({reason}) and cannot be replaced: {error!r}; "
                "its tasks have failed",
                "towline run again",
            )
            self._report("error", executor=self.label, **given_up.as_dict())
            self.set_bad_state_and_fail_all(given_up)

    def _put_new_interchange(self, reason: str) -> None:
        assert self._far is not None, "it was far"  # noqa: S101
        certificates = Path(self.cert_dir)
        with self._sending:
            self._on_start(0, certificates, True)
            self.outgoing_q.pause()
            lost = self._tasks.give_up()
        self._report(
            "warning",
            executor=self.label,
            text=f"the interchange on the controller is replaced: {reason}; "
            f"{len(lost)} task(s) tried again",
        )
        self.provider.cancel(list(self.blocks_to_job_id.values()))
        error = TasksLost(f"executor {self.label}", f"its interchange was lost: {reason}")
        for future in lost:
            future.set_exception(error)
        while self._far.start_again():
            self.command_client.renew()
            try:
                port = self.command_client.run("WORKER_BINDS", timeout_s=START_SECONDS)
            except TimeoutError:
                continue  # cut off, or dead at once; it has been sent nothing
            with self._sending:
                if self._far.settled():
                    self.worker_port = port
                    self._on_start(port, certificates, True)
                    self.outgoing_q.resume()
                    return
