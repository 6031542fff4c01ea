"""From executor definitions to a parsl.Config whose workers run on the clusters."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parsl.config import Config
from parsl.executors.base import ParslExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

from towline.clusters import ClusterDefinition
from towline.engine.definitions import ExecutorDefinition, ExecutorsFile
from towline.engine.error_handler import block_error_handler
from towline.engine.executor import RemoteExecutor, WatchedExecutor
from towline.engine.interchange.prefetch import MOST_AHEAD, ShortTasksAhead
from towline.engine.kinds import provider_kind
from towline.engine.launch import (
    INTERCHANGE_COMMAND,
    local_launch_command,
    remote_launch_command,
)
from towline.engine.ledger import Ledger, Report
from towline.engine.mpi_executor import RemoteMpiExecutor, mpi_options
from towline.engine.opening import open_site
from towline.engine.parsl_log import RunLogging
from towline.engine.providers import PROVIDERS
from towline.engine.retries import retry_handler
from towline.engine.site import Site
from towline.engine.tasks import TaskLog, compression_pays, observe
from towline.errors import TowlineError

STRATEGY_SECONDS = 0.2
"""Between Parsl's scaling rounds; its own 5 s delay the first block by up to that."""

RETRIES = 2

HEARTBEAT_SECONDS = 5
"""Parsl's own 30 s let a task wait a minute and a half until it has killed its third worker."""


@dataclass
class Engine:
    """The clusters of one script, ready for Parsl.

    Args:
        tag: the run's.
        run_folder: on the workspace; Parsl's ``runinfo`` and the blocks' output go there.
        tasks: takes what becomes of each task; None: tasks are not watched.
        usual_seconds: label -> what a task took when the script ran before, where that is known.

    """

    file: ExecutorsFile
    clusters: Mapping[str, ClusterDefinition]
    tag: str
    run_folder: Path
    report: Report
    ledger: Ledger
    tasks: TaskLog | None = None
    usual_seconds: Mapping[str, float] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    executors: list[WatchedExecutor] = field(default_factory=list)
    _open_labels: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Connect to all clusters at once, and prepare environment, folder and link on each.

        Raises:
            TowlineError: the first cluster's that failed; what the others made is removed.

        """
        wanted: dict[str, dict[str, ExecutorDefinition]] = {}
        for label, executor in self.file.executors.items():
            if provider_kind(executor, self.clusters[label]) != "local":
                wanted.setdefault(executor.cluster, {})[label] = executor
        if not wanted:
            return
        failures: list[TowlineError] = []
        blocks = self.run_folder / "blocks"

        def one(cluster: str, executors: dict[str, ExecutorDefinition]) -> None:
            definition = self.clusters[next(iter(executors))]
            try:
                site = open_site(definition, executors, self.tag, blocks, self.report, self.ledger)
            except TowlineError as error:
                failures.append(error)
            else:
                self.sites[cluster] = site

        try:
            with ThreadPoolExecutor(len(wanted)) as pool:
                list(pool.map(lambda item: one(*item), wanted.items()))
        except BaseException:
            self.close()
            raise
        for failure in failures[1:]:
            self.report("error", **failure.as_dict())
        if failures:
            self.close()
            raise failures[0]

    def config(self, more_executors: Iterable[ParslExecutor] = (), **parsl_options: Any) -> Config:
        """Return the parsl.Config; the user's own options win over ours.

        Args:
            more_executors: beside those of the file.
            parsl_options: of parsl.Config.

        """
        self.executors = [
            self._executor(label, wanted) for label, wanted in self.file.executors.items()
        ]
        options: dict[str, Any] = {
            "run_dir": str(self.run_folder / "parsl"),
            "strategy_period": STRATEGY_SECONDS,
            "exit_mode": "wait",
            "initialize_logging": RunLogging(),
            **parsl_options,
        }
        if "retries" not in options and "retry_handler" not in options:
            options |= {"retries": RETRIES, "retry_handler": retry_handler}
        self._write_completed()
        more = list(more_executors)
        if self.tasks is not None:
            clusters = {label: wanted.cluster for label, wanted in self.file.executors.items()}
            observe(self.tasks, self.executors, clusters, more, options)
        return Config(executors=[*self.executors, *more], **options)

    def close(self) -> None:
        """End everything on all clusters at once; safe to call again."""
        with self._lock:
            sites, self.sites = list(self.sites.values()), {}
        # plain threads: an executor takes no more work once the interpreter is ending
        closing = [threading.Thread(target=site.close, name=f"close {site.name}") for site in sites]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _executor(self, label: str, wanted: ExecutorDefinition) -> WatchedExecutor:
        common: dict[str, Any] = {
            "label": label,
            "address": "127.0.0.1",
            "interchange_launch_cmd": INTERCHANGE_COMMAND,
            "encrypted": True,
            "report": self.report,
            "cores_per_worker": wanted.cores_per_worker,
            "mem_per_worker": wanted.mem_per_worker,
            "max_workers_per_node": wanted.tasks_per_node,
            "available_accelerators": (
                wanted.accelerators
                if isinstance(wanted.accelerators, int)
                else list(wanted.accelerators)
            ),
            **_prefetch(wanted, self.sites.get(wanted.cluster)),
            "compress": _compress(wanted, self.sites.get(wanted.cluster)),
            "heartbeat_threshold": wanted.heartbeat_threshold,
            # a worker that died is noticed at a heartbeat
            "heartbeat_period": max(2, min(HEARTBEAT_SECONDS, wanted.heartbeat_threshold // 4)),
            # a pilot that starts while the link is down must outlast the outage
            "address_probe_timeout": wanted.heartbeat_threshold,
        }
        kind = provider_kind(wanted, self.clusters[label])
        if kind == "local":
            return WatchedExecutor(
                **common,
                launch_cmd=local_launch_command(),
                provider=_local_provider(wanted),
                block_error_handler=block_error_handler("local", self.report, lambda: None),
            )
        site = self.sites[wanted.cluster]
        self._open_labels.add(label)
        provider = PROVIDERS[kind](site, label, wanted)
        make: Any = RemoteExecutor
        if wanted.mpi:
            make, common = RemoteMpiExecutor, mpi_options(common, wanted)
        return make(  # type: ignore[no-any-return]
            **common,
            launch_cmd=remote_launch_command(),
            provider=provider,
            block_error_handler=block_error_handler(site.name, self.report, provider.refusal),
            on_start=functools.partial(site.started, label),
            far=site.far_interchange(label, self.usual_seconds.get(label)),
            on_shutdown=lambda: self._shut(label),
        )

    def _shut(self, label: str) -> None:
        """Close all sites once Parsl has shut the last executor down."""
        with self._lock:
            self._open_labels.discard(label)
            last = not self._open_labels
        if last:
            self.close()

    def _write_completed(self) -> None:
        """Write what the definitions came to, apart from what the user wrote."""
        compress = {each.label: each.compress for each in self.executors}
        completed = {
            label: {
                **wanted.model_dump(exclude_defaults=True),
                "compress": "always" if compress[label] else "never",
                **self._completed(label, wanted),
            }
            for label, wanted in self.file.executors.items()
        }
        path = self.run_folder / "executors.completed.json"
        path.write_text(json.dumps(completed, indent=1, default=str) + "\n", encoding="utf-8")

    def _completed(self, label: str, wanted: ExecutorDefinition) -> dict[str, Any]:
        definition = self.clusters[label]
        facts: dict[str, Any] = {"provider": provider_kind(wanted, definition)}
        if site := self.sites.get(wanted.cluster):
            facts |= site.completed(label)
        return facts


def _prefetch(wanted: ExecutorDefinition, site: Site | None) -> dict[str, Any]:
    if wanted.prefetch == "auto":
        round_trip = site.round_trip() if site is not None else None
        selector = ShortTasksAhead(round_trip or 0.0)
        return {"prefetch_capacity": MOST_AHEAD, "manager_selector": selector}
    return {"prefetch_capacity": wanted.prefetch}


def _compress(wanted: ExecutorDefinition, site: Site | None) -> bool:
    return compression_pays(wanted.compress, site.round_trip() if site is not None else None)


def _local_provider(wanted: ExecutorDefinition) -> LocalProvider:
    return LocalProvider(
        init_blocks=wanted.init_blocks,
        min_blocks=wanted.min_blocks,
        max_blocks=wanted.max_blocks,
        parallelism=wanted.parallelism,
        launcher=SimpleLauncher(),
        worker_init="\n".join(wanted.worker_init),
    )
