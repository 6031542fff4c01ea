"""What one run has on one cluster: connection, folder, link, batch thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.clusters import ClusterDefinition, ClusterFacts
from towline.engine.batch import BatchThread
from towline.engine.definitions import ExecutorDefinition
from towline.engine.interchange.far import FarInterchange
from towline.engine.interchange.handover import Place
from towline.engine.interchange.placement import choose
from towline.engine.keys import pack_keys
from towline.engine.ledger import Ledger, Report
from towline.engine.leftovers import find, remove
from towline.engine.link_keeper import LinkKeeper
from towline.engine.logs import fetch_logs
from towline.engine.node_trial import try_on_node
from towline.engine.scheduler import Scheduler
from towline.engine.site_names import default_work_folder, job_prefix, run_folder_on
from towline.environments import (
    Environment,
    EnvironmentRequest,
    node_check_lines,
)
from towline.environments.cluster_side import environments_folder
from towline.errors import LinkLost, NoSpace, TowlineError
from towline.ssh import Connection, quote

CLOSE_SECONDS = 60.0
"""For the scheduler to confirm that cancelled jobs are gone."""

TRIAL_PORT = 9
"""Of the trial on a node, on the workspace: nothing listens there; the node's dial is enough."""

EXPIRED_DAYS = 14
"""After so long, what a lease has ended is removed; until then its logs can be fetched."""


@dataclass
class Tenant:
    """An executor on a site: what it asked for, where it runs, how its workers find it.

    Attributes:
        interchange_port: on the workspace; known once Parsl has started the executor.
        certificates: folder on the workspace of the keys that its workers need.
        on_controller: whether that port is the controller's own.
        sent: whether the keys are on the cluster.
        far: the interchange on the controller, if it is there.

    """

    wanted: ExecutorDefinition
    environment: Environment
    interchange_port: int = 0
    certificates: Path | None = None
    on_controller: bool = False
    sent: bool = False
    far: FarInterchange | None = None


class Site:
    """One run's presence on one cluster; everything it makes is in the ledger first.

    Args:
        blocks: folder on the workspace for the output of jobs and workers.

    """

    def __init__(
        self,
        definition: ClusterDefinition,
        connection: Connection,
        facts: ClusterFacts,
        tag: str,
        blocks: Path,
        report: Report,
        ledger: Ledger,
    ) -> None:
        self.name = definition.name
        self.blocks = blocks / definition.name
        self.definition = definition
        self.connection = connection
        self.facts = facts
        self.tag = tag
        self.folder = run_folder_on(facts, tag)
        self.address = definition.address or facts.node_address
        self._report = report
        self._ledger = ledger
        self._folder_entry = ""
        self._marks: dict[str, str] = {}
        self._tenants: dict[str, Tenant] = {}
        self._batches: dict[str, BatchThread] = {}
        self._link: LinkKeeper | None = None

    # -- before Parsl starts -----------------------------------------------------------------

    def make_folder(self) -> None:
        """Make the run's folder on the cluster, and remove what expired there long ago.

        Raises:
            NoSpace: the disk is full.

        """
        self._folder_entry = self._ledger.intend(
            "remote_folder",
            self.name,
            path=self.folder,
            definition=self.definition.model_dump(mode="json", exclude_defaults=True),
        )
        folder = quote(self.folder)
        answer = self.connection.run(
            f"umask 077; mkdir -p {folder}/jobs {folder}/certs {folder}/logs && "
            f"echo probe > {folder}/.room && rm {folder}/.room || exit 1\n"
            f"find {quote(self.facts.root)}/runs -mindepth 2 -maxdepth 2 -name expired "
            f"-mtime +{EXPIRED_DAYS} 2>/dev/null | while IFS= read -r mark; do "
            'rm -rf "${mark%/expired}"; done\n'
        )
        if answer.exit_code != 0:
            raise NoSpace(
                f"cluster {self.name}",
                f"{self.folder} cannot be made: {answer.stderr.strip()}",
                f"free space there, or set `root` (towline cluster show {self.name})",
            )
        self._ledger.created(self._folder_entry)

    def start_link(self, python: str) -> None:
        """Start the link; ``python`` is any Python 3.6 or later on the controller."""
        keeper = LinkKeeper(
            self.connection,
            self.name,
            self.tag,
            self.facts,
            python,
            self.definition.lease_seconds,
            self._report,
            replace_workers=self._replace_workers,
        )
        self._link = keeper
        keeper.start()

    def intend_mark(self, request: EnvironmentRequest) -> None:
        """Note that an environment is about to be marked as used by this run."""
        root = environments_folder(request.root, self.facts)
        if root not in self._marks:
            self._marks[root] = self._ledger.intend("environment_mark", self.name, root=root)

    def admit(self, label: str, tenant: Tenant) -> None:
        """Take an executor in."""
        self._tenants[label] = tenant

    def try_on_node(self, label: str) -> None:
        """Try an executor's environment and the way to the controller in a job on a node."""
        assert self._link is not None, "the link is up by now"  # noqa: S101
        tenant = self._tenants[label]
        port = self._link.listen(f"{label}-trial", TRIAL_PORT, self.address)
        try_on_node(
            label,
            tenant.wanted,
            tenant.environment,
            self.connection,
            self.facts,
            self.name,
            self.tag,
            (self.address, port),
            self._report,
        )

    def batch(self, scheduler: Scheduler) -> BatchThread:
        """Return the thread that speaks to this scheduler for all executors of the run."""
        if scheduler.name not in self._batches:
            self._batches[scheduler.name] = BatchThread(
                self.name,
                self.connection,
                scheduler,
                job_prefix(self.tag),
                self._report,
                self._ledger,
            )
        return self._batches[scheduler.name]

    # -- while it runs -----------------------------------------------------------------------

    def round_trip(self) -> float | None:
        """Return seconds from here to the controller and back; None when they are not known."""
        return self._link.round_trip() if self._link is not None else None

    def far_interchange(self, label: str, task_seconds: float | None) -> FarInterchange | None:
        """Return what takes an executor's interchange to the controller, if it belongs there.

        Args:
            label: the executor's.
            task_seconds: that its tasks usually take; None when that is not known.

        """
        assert self._link is not None, "the link starts before Parsl"  # noqa: S101
        tenant = self._tenants[label]
        placement = choose(tenant.wanted.interchange, self.round_trip(), task_seconds)
        if placement.place is Place.WORKSPACE:
            return None
        self._report(
            "note",
            cluster=self.name,
            executor=label,
            text=f"the interchange runs on the controller: {placement.reason}",
        )
        tenant.far = FarInterchange(
            label,
            self.connection,
            self.name,
            self.folder,
            self.address,
            tenant.environment,
            self._link.listen,
            self._report,
        )
        return tenant.far

    def started(
        self, label: str, interchange_port: int, certificates: Path, on_controller: bool
    ) -> None:
        """Take note of where an executor's interchange listens and which keys it uses."""
        tenant = self._tenants[label]
        tenant.interchange_port = interchange_port
        tenant.certificates = certificates
        tenant.on_controller = on_controller

    def job_name(self, label: str, number: int) -> str:
        """Return the beginning of a job's name."""
        return f"{job_prefix(self.tag)}{label}.{number}"

    def worker_setup(self, label: str) -> str:
        """Return the shell lines of a job script between the user's and the worker command.

        Called in a batch thread; sends the keys and opens the executor's port on the controller
        when that was not done yet.

        Raises:
            ReachError: the link is down; try again later.

        """
        tenant = self._tenants[label]
        assert self._link is not None, "the link starts before Parsl"  # noqa: S101
        port = tenant.interchange_port
        if not port:
            raise LinkLost(f"interchange of {label}", "it is being replaced")
        if not tenant.on_controller:
            port = self._link.listen(label, port, self.address)
        if not tenant.sent:
            self._send_keys(label, tenant)
            tenant.sent = True
        variables = {
            "TOWLINE_ADDRESS": self.address,
            "TOWLINE_PORT": str(port),
            "TOWLINE_CERTS": f"{self.folder}/certs/{label}",
            "TOWLINE_LOGS": f"{self.folder}/logs/{label}",
            "TOWLINE_PYTHON": tenant.environment.python,
            "TOWLINE_RUN_TAG": self.tag,
        }
        work = quote(self.work_folder(tenant.wanted))
        return "\n".join(
            [
                *(f"export {name}={quote(value)}" for name, value in variables.items()),
                f"mkdir -p {work} && cd {work} || exit 96",
                tenant.environment.activation,
                node_check_lines(tenant.environment, self.address, port),
            ]
        )

    def work_folder(self, wanted: ExecutorDefinition) -> str:
        """Return the absolute working folder of an executor's apps; kept unless it is empty."""
        path = wanted.run_dir or default_work_folder(self.tag)
        if path == "~" or path.startswith("~/"):
            return self.facts.home + path[1:]
        return path if path.startswith("/") else f"{self.facts.home}/{path}"

    def completed(self, label: str) -> dict[str, Any]:
        """Return what an executor's definition came to on this cluster."""
        environment = self._tenants[label].environment
        return {
            "host": self.definition.host,
            "user": self.facts.user,
            "address": self.address,
            "run_folder": self.folder,
            "work_folder": self.work_folder(self._tenants[label].wanted),
            "environment": {
                "kind": environment.kind,
                "key": environment.key,
                "python": environment.python,
            },
        }

    def _replace_workers(self) -> int:
        """Cancel every block: what was in flight to them is lost, and Parsl tries it again.

        What was in flight to an interchange on the controller is tried again with a new one.
        """
        for tenant in self._tenants.values():
            tenant.sent = False  # an agent that ended with its lease has removed the keys
            if tenant.far is not None:
                tenant.far.lost("the link to it lost its state")
        return sum(
            batch.cancel_all("the link lost its state; its workers are replaced")
            for batch in self._batches.values()
        )

    def _send_keys(self, label: str, tenant: Tenant) -> None:
        """Put the executor's CURVE keys on the cluster."""
        assert tenant.certificates is not None, "Parsl makes them when it starts"  # noqa: S101
        folder = quote(f"{self.folder}/certs/{label}")
        self.connection.run(
            f"umask 077; cd {quote(self.folder)} && mkdir -p {folder} && tar -xf - -C {folder}\n",
            input=pack_keys(tenant.certificates),
            check=True,
        )

    # -- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Cancel, fetch the logs, close the link and remove everything; raises nothing.

        What cannot be removed now stays open in the ledger.
        """
        for tenant in self._tenants.values():
            if tenant.far is not None:
                tenant.far.close()
        self._report("cleanup", cluster=self.name, step="cancelling blocks")
        for batch in self._batches.values():
            for block in batch.close(CLOSE_SECONDS):
                job = block.job_id or block.job_name
                self._warn(f"job {job} may still exist: not observed")
        for step in (self._bring_logs, self._close_link, self._remove_folder):
            try:
                step()
            except (TowlineError, OSError) as error:
                self._warn(f"clean-up is not complete: {error}")

    def _bring_logs(self) -> None:
        if self._batches:
            self._report("cleanup", cluster=self.name, step="fetching logs")
            logs = self.blocks / "logs"
            fetch_logs(self.connection, self.folder, logs, self._report, self.name)

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close()

    def _remove_folder(self) -> None:
        """Remove the folder and all that is tagged, and cross it out once it is seen to be gone."""
        if not self._folder_entry:
            return
        self._report("cleanup", cluster=self.name, step="removing the run's folder")
        self._note_kept_files()
        remove(self.connection, self.name, self.facts, [self.tag], list(self._marks))
        remaining = find(self.connection, self.name, self.facts, [self.tag])
        for leftover in remaining:
            self._warn(f"{leftover.kind} {leftover.what} is still there")
        if not remaining:
            for entry in (*self._marks.values(), self._folder_entry):
                self._ledger.removed(entry)

    def _warn(self, text: str) -> None:
        self._report("warning", cluster=self.name, text=text)

    def _note_kept_files(self) -> None:
        """Say where files of the apps are that stay: an empty working folder is removed."""
        folders = {self.work_folder(tenant.wanted) for tenant in self._tenants.values()}
        looks = [f'[ -n "$(ls -A {quote(f)} 2>/dev/null)" ] && echo {quote(f)}' for f in folders]
        kept = self.connection.run("\n".join([*looks, ":", ""])).stdout.splitlines()
        for folder in kept:
            self._report("note", cluster=self.name, text=f"the apps' files are in {folder}")
