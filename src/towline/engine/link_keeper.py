"""Keeps one run's link to one controller, and replaces it when its state is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from towline.clusters import ClusterFacts
from towline.engine.expiry import expiry_script
from towline.engine.ledger import Report
from towline.engine.leftovers import SHELL_FUNCTIONS
from towline.engine.site_names import run_folder_on
from towline.errors import LinkLost, ReachError
from towline.link import Link, LinkState
from towline.ssh import Connection, quote

RETRY_SECONDS = 5.0


class LinkKeeper:
    """A link that comes back, with the ports that the executors listen on.

    A cut carrier is the link's own business: it resumes and loses nothing. When an end of it was
    killed, what was in flight is lost and nobody can tell what that was: then every block of the
    cluster is cancelled, Parsl tries their tasks again on new ones, and those use a new link.

    Args:
        lease_seconds: so long may the workspace be gone before the agent ends the run's jobs.
        replace_workers: cancels all blocks; returns how many.

    """

    def __init__(
        self,
        connection: Connection,
        cluster: str,
        tag: str,
        facts: ClusterFacts,
        python: str,
        lease_seconds: int,
        report: Report,
        replace_workers: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._tag = tag
        self._facts = facts
        self._python = python
        self._lease_seconds = lease_seconds
        self._report = report
        self._replace_workers = replace_workers
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._ports: dict[str, int] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Start agent and link client.

        Raises:
            ReachError: the controller cannot be reached, or its agent does not start.

        """
        self._report("link", cluster=self._cluster, state="starting")
        link: Link = Link(
            self._connection,
            self._tag,
            python=self._python,
            root=self._facts.root,
            thing=f"link to {self._cluster}",
            lease_seconds=self._lease_seconds,
            on_event=lambda event, **facts: self._on_event(link, event, **facts),
        )
        try:
            link.start()
            link.set_expiry_script(expiry_script(self._facts, self._tag), remove=["certs"])
        except BaseException:
            link.close(timeout=1.0)
            raise
        with self._lock:
            wanted = not self._closing.is_set()
            if wanted:
                self._link = link
                self._ports.clear()
        if not wanted:
            link.close()
        elif link.state is LinkState.LOST:  # just before it became ours
            self._replace_later()

    def listen(self, label: str, local_port: int, address: str) -> int:
        """Return the port on the controller behind which an executor's interchange is.

        Raises:
            LinkLost: the link is being replaced; try again later.

        """
        with self._lock:
            if self._link is None:
                raise LinkLost(f"link to {self._cluster}", "it is being replaced")
            if label not in self._ports:
                self._ports[label] = self._link.listen(label, local_port, address)
            return self._ports[label]

    def round_trip(self) -> float | None:
        """Return seconds from here to the agent and back; None when they are not known."""
        with self._lock:
            link = self._link
        if link is None:
            return None
        try:
            seconds = link.stats()["round_trip_seconds"]
        except ReachError:
            return None
        return None if seconds is None else float(seconds)

    def close(self) -> None:
        """Tell the agent to leave, and end the client."""
        self._closing.set()
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _on_event(self, link: Link, event: str, **facts: Any) -> None:
        self._report("link", **{**facts, "cluster": self._cluster, "state": event})
        if event == "lost" and link is self._link:
            self._replace_later()

    def _replace_later(self) -> None:
        threading.Thread(target=self._replace, name=f"link {self._cluster}", daemon=True).start()

    def _replace(self) -> None:
        with self._lock:
            lost, self._link = self._link, None
        if lost is None or self._closing.is_set():
            return  # somebody else is at it
        blocks = self._replace_workers()
        self._warn(f"the link lost its state; {blocks} block(s) replaced, their tasks tried again")
        lost.close()
        while not self._closing.is_set():
            try:
                self._end_old_agent()
                self.start()
            except Exception as error:  # whatever it is: without a link no worker can come
                self._warn(f"the link is not back yet: {error}")
                self._closing.wait(RETRY_SECONDS)
            else:
                return

    def _warn(self, text: str) -> None:
        self._report("warning", cluster=self._cluster, text=text)

    def _end_old_agent(self) -> None:
        """End an agent whose client is gone: it would keep the run's place until its lease ends."""
        folder = quote(run_folder_on(self._facts, self._tag))
        self._connection.run(
            f'{SHELL_FUNCTIONS}pid=$(agent {folder}); [ -z "$pid" ] && exit 0\n'
            'kill -TERM "$pid"; n=0\n'
            f'while [ -n "$(agent {folder})" ] && [ $n -lt 30 ]; do n=$((n+1)); sleep 0.1; done\n'
            f'[ -z "$(agent {folder})" ] || kill -KILL "$pid"\n'
        )
