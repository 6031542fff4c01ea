"""Run one program as one batch job on a cluster, from its folder there to nothing left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from parsl.jobs.states import JobState, JobStatus

from towline.clusters import ClusterDefinition, load_facts
from towline.engine.batch_job.following import Follower
from towline.engine.batch_job.job_site import JobSite, job_provider
from towline.engine.batch_job.outputs import bring_outputs
from towline.engine.batch_job.request import BatchRequest, read_on
from towline.engine.batch_job.script import job_script, moved
from towline.engine.batch_job.verdict import TERMINAL, Verdict, as_after_signal, judge
from towline.engine.kinds import provider_kind
from towline.engine.ledger import Ledger, Report
from towline.engine.limits import check_request
from towline.engine.pace import Pace
from towline.engine.site_names import default_work_folder
from towline.errors import CopyFailed, JobEnded, ReachError, RunError, TowlineError
from towline.ssh import Connection, quote

LABEL = "job"

LOOK_FIRST, LOOK_SLOWEST, LOOK_GROWTH = 0.3, 5.0, 1.4
STATUS_SECONDS = 0.2
"""Between looks at what the batch thread knows; that asks nobody."""
ASK_SECONDS = 0.8
"""Between questions to the scheduler about a job whose program has ended."""
WORD_SECONDS = 30.0
"""For the scheduler to say how a job ended whose program is known to have ended."""
REST_SECONDS = 20.0
"""For the last bytes and the exit code to appear on the controller: shared disks lag."""
RETRY_SECONDS = 3.0
GONE_SECONDS = 24 * 3600.0
"""Beyond the walltime, after which a cluster that cannot be reached is given up."""
COPIES = 5
"""So often a copy that does not arrive whole is tried."""

T = TypeVar("T")


@dataclass
class BatchJob:
    """One job of one run.

    Args:
        definition: of the cluster.
        tag: the run's.
        work: the working folder on the workspace; it is sent, and outputs come back into it.
        blocks: folder on the workspace for what the scheduler writes of the job.
        stdout, stderr: take what the program writes, as it comes; unbuffered.

    """

    request: BatchRequest
    definition: ClusterDefinition
    tag: str
    work: Path
    blocks: Path
    report: Report
    ledger: Ledger
    stdout: BinaryIO
    stderr: BinaryIO

    def run(self) -> int:
        """Run the job to its end and return the program's exit code; nothing stays there.

        Raises:
            JobEnded: the scheduler ended it: walltime, memory, a lost node, somebody's cancel.
            SubmitRefused: the scheduler does not take it.
            TowlineError: the cluster cannot be reached, or the definition asks what it has not.

        """
        self._wanted, notes = read_on(self.request.on)
        for note in notes:
            self.report("note", text=note)
        self._patience = self._wanted.walltime_minutes * 60 + GONE_SECONDS
        site, kind = self._open()
        try:
            self._send(site)
            verdict = self._follow(site, kind)
            self._bring_back(site)
        finally:
            site.close()
        if verdict.site:
            raise JobEnded(
                f"cluster {self.definition.name}: the job",
                f"{verdict.site} (exit code {verdict.exit_code})",
                "see the run's log; ask for more in `on:` if it ran out of something",
            )
        if words := as_after_signal(verdict.exit_code):
            self.report("note", text=f"exit code {verdict.exit_code}: {words}")
        return verdict.exit_code

    # -- before ------------------------------------------------------------------------------

    def _open(self) -> tuple[JobSite, str]:
        name = self.definition.name
        started = time.monotonic()
        self.report("cluster_connecting", cluster=name)
        connection = Connection(self.definition.destination(), report=self.report)
        connection.open()
        facts = load_facts(self.definition, connection)
        seconds = round(time.monotonic() - started, 3)
        self.report("cluster_connected", cluster=name, seconds=seconds)
        kind = provider_kind(self._wanted, self.definition)
        check_request(LABEL, self._wanted, self.definition, facts, kind)
        site = JobSite(
            self.definition, connection, facts, self.tag, self.blocks, self.report, self.ledger
        )
        try:
            site.make_folder()
        except BaseException:
            site.close()
            raise
        return site, kind

    def _send(self, site: JobSite) -> None:
        """Send the working folder, the inputs, and the script that the job runs."""
        here, there = str(self.work), f"{site.folder}/work"
        self.report("staging", cluster=site.name, text="sending the working folder")
        copied = site.connection.push_tree(self.work, there)
        self.report(
            "staged",
            cluster=site.name,
            text=f"the working folder is there ({copied.bytes / 1e6:.1f} MB)",
            bytes=copied.bytes,
            seconds=round(copied.seconds, 3),
        )
        variables = {"TOWLINE_RUN_TAG": self.tag}
        if self.request.inputs:
            text = Path(self.request.inputs).read_text(encoding="utf-8")
            sent = f"{site.folder}/inputs.json"
            variables["TOWLINE_INPUTS"] = sent
            text = text.replace(f'"{here}/', f'"{there}/')
            script = f"umask 077; cat > {quote(sent)}\n"
            site.connection.run(script, input=text.encode(), check=True)
        argv = moved(self.request.argv, here, there)
        script = job_script(site.folder, argv, variables)
        put = f"umask 077; cat > {quote(site.folder)}/job.sh\n"
        site.connection.run(put, input=script.encode(errors="surrogateescape"), check=True)

    # -- while it runs -----------------------------------------------------------------------

    def _follow(self, site: JobSite, kind: str) -> Verdict:
        provider = job_provider(site, LABEL, self._wanted, kind)
        tasks = self._wanted.tasks_per_node or 1
        handle = provider.submit(f"sh {quote(site.folder)}/job.sh", tasks, LABEL)
        follower = Follower(site.connection, site.folder, self.stdout, self.stderr)
        pace = Pace(LOOK_FIRST, LOOK_SLOWEST, LOOK_GROWTH)

        def status() -> JobStatus:
            return provider.status([handle])[0]

        ended_since, asked = 0.0, 0.0
        while (state := status()).state not in TERMINAL:
            if state.state is JobState.RUNNING and time.monotonic() >= pace.due:
                news = self._patiently("following the job's output", follower.look)
                pace.hurry() if news else pace.slow_down()
            if follower.complete:
                # the scheduler has the last word: out of memory, over its time
                now = time.monotonic()
                ended_since = ended_since or now
                if now - asked > ASK_SECONDS:
                    provider.look_now()
                    asked = now
                if now - ended_since > WORD_SECONDS:
                    break
            time.sleep(STATUS_SECONDS)
        if error := provider.refusal():
            raise error
        self._rest(follower, state)
        return judge(follower.exit, state, begun=follower.begun)

    def _rest(self, follower: Follower, state: JobStatus) -> None:
        """Read what is still to come once the job has ended."""
        deadline = time.monotonic() + REST_SECONDS
        ended_well = state.state is JobState.COMPLETED
        while True:
            news = self._patiently("reading the end of the job's output", follower.look)
            if news:  # a large output takes as long as it takes
                deadline = time.monotonic() + REST_SECONDS
            late = not news and time.monotonic() > deadline
            if follower.complete or late:
                break
            if not news and follower.exit is None and not ended_well:
                break  # it was killed before it could write one
            if not news:
                time.sleep(LOOK_FIRST)
        if follower.exit is not None and not follower.complete:
            text = "the end of the job's output has not appeared on the controller"
            self.report("warning", cluster=self.definition.name, text=text)

    def _bring_back(self, site: JobSite) -> None:
        self.report("staging", cluster=site.name, text="bringing the outputs back")
        try:
            brought = self._patiently(
                "bringing the outputs back",
                lambda: bring_outputs(
                    site.connection, site.folder, self.request.outputs, self.work
                ),
            )
        except TowlineError:
            self._keep_there(site)
            raise
        except OSError as error:
            self._keep_there(site)
            raise RunError(
                f"the outputs of the job on {site.name}",
                f"{error.filename or self.work}: {error.strerror or error}",
                "make room there, and fetch them",
            ) from error
        self.report(
            "staged",
            cluster=site.name,
            text=f"output files that came back: {len(brought.files)}",
            bytes=brought.bytes,
        )
        for pattern in brought.unmatched:
            text = f"outputs: {pattern} names no file that the job has left"
            self.report("warning", cluster=site.name, text=text)
        for name in brought.skipped:
            self.report("warning", cluster=site.name, text=f"outputs: {name} was not brought back")

    def _keep_there(self, site: JobSite) -> None:
        """Put the outputs that cannot be brought back where the clean-up leaves them alone."""
        kept = f"{site.facts.home}/{default_work_folder(self.tag).removeprefix('~/')}"
        script = (
            f"umask 077; mkdir -p {quote(kept)} && cd {quote(site.folder)} || exit 1\n"
            f"for name in work outputs; do [ ! -d $name ] || mv $name {quote(kept)}/; done\n"
        )
        site.connection.run(script, check=True)
        self._warn(f"the job's files were not brought back; they are in {kept}")

    def _patiently(self, what: str, step: Callable[[], T]) -> T:
        """Take a step over and over while the cluster cannot be reached; the job goes on there.

        Raises:
            ReachError: it could not be reached for a day beyond the walltime.
            CopyFailed: a copy failed so often that it is not the way.

        """
        since, copies, said = time.monotonic(), 0, False
        while True:
            try:
                result = step()
            except ReachError as error:
                copies += isinstance(error, CopyFailed)
                if time.monotonic() - since > self._patience or copies >= COPIES:
                    raise
                if not said:
                    self._warn(f"{what} waits: {error.cause}; the job itself goes on")
                    said = True
                time.sleep(RETRY_SECONDS)
            else:
                if said:
                    text = "the cluster answers again"
                    self.report("recovered", cluster=self.definition.name, text=text)
                return result

    def _warn(self, text: str) -> None:
        with contextlib.suppress(Exception):
            self.report("warning", cluster=self.definition.name, text=text)
