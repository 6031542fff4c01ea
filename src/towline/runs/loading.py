"""``towline.load()`` and ``towline.config()``: the clusters behind a script's Parsl labels."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import parsl
from parsl.config import Config
from parsl.dataflow.dflow import DataFlowKernel
from parsl.executors.base import ParslExecutor

from towline.clusters import ClusterDefinition, ClusterStore
from towline.engine import Engine, ExecutorsFile, Progress, load_executors
from towline.errors import DefinitionError, TowlineError
from towline.runs.attach import AttachedRun, attach
from towline.runs.console import Console
from towline.runs.end_of_script import at_end_of_script, forget
from towline.runs.folder import VARIABLE, RunFolder
from towline.runs.tasks import TaskStore
from towline.runs.tasks.earlier import script_of, usual_seconds
from towline.runs.workspace import DEFAULT_FILES, executors_beside, notes_on

LOCAL = "local"
"""Name of this machine as a cluster, defined or not."""

ExecutorsArgument = str | os.PathLike[str] | Mapping[str, Any] | None


class Loaded:
    """Parsl, loaded with executors on the clusters; a context manager that ends all of it."""

    def __init__(self, run: AttachedRun, engine: Engine, dfk: DataFlowKernel) -> None:
        self.dfk = dfk
        self.run_folder = run.folder.path
        self._run = run
        self._engine = engine
        self._progress = Progress(dfk, engine.executors, run.report)
        self._ended = False
        self._ending = threading.Lock()
        at_end_of_script(self._end)

    def __enter__(self) -> DataFlowKernel:
        """Return Parsl's DataFlowKernel."""
        return self.dfk

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what was launched unless an error came out, then clean everything up."""
        self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """End the workers, fetch the logs, remove what the run made; safe to call again.

        Args:
            error: what ended the work; without one, tasks that were launched are waited for.

        """
        try:
            if error is None and not self._ended and self.dfk.config.exit_mode == "wait":
                self.dfk.wait_for_current_tasks()
        except BaseException as interruption:
            error = interruption
            raise
        finally:
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        with self._ending:
            if self._ended:
                return
            self._ended = True
            forget(self._end)
            try:
                self._progress.stop()  # it asks the interchanges, which Parsl's clean-up ends
                if not self.dfk.cleanup_called:
                    self.dfk.cleanup()
            finally:
                finish(self._run, self._engine, error)


def finish(run: AttachedRun, engine: Engine, error: BaseException | None) -> None:
    """Close what is open on the clusters, then write the run's last event."""
    try:
        engine.close()
    finally:
        if engine.tasks is not None:
            engine.tasks.close()
        run.end(error, leftovers_of(run))


def load(
    executors: ExecutorsArgument = None,
    *,
    clusters: Mapping[str, str] | None = None,
    more_executors: Iterable[ParslExecutor] = (),
    task_records: bool = True,
    **parsl_options: Any,
) -> Loaded:
    """Load Parsl with executors on your clusters; a context manager around ``parsl.load``.

    Args:
        executors: file (JSON or YAML) or mapping of executor definitions. Default: the one given
            to ``towline run --executors``, else ``executors.json`` or ``.yaml`` beside the script,
            or in the working folder.
        clusters: label -> cluster name, in place of the file's.
        more_executors: Parsl executors of your own, beside those of the file.
        task_records: note for each task where and when it ran, for ``towline run tasks``.
        parsl_options: of ``parsl.Config``: retries, checkpoint and app cache (``memoizer``),
            ``monitoring``, … Ours, where none is given: ``exit_mode="wait"``,
            two retries of what the infrastructure failed, and scaling rounds of 0.2 s.

    Raises:
        TowlineError: nothing was submitted, and nothing is left on any cluster.

    """
    run, engine = _open(executors, clusters, task_records)
    try:
        dfk = parsl.load(engine.config(more_executors, **parsl_options))
    except BaseException as error:
        finish(run, engine, error)
        raise
    return Loaded(run, engine, dfk)


def config(
    executors: ExecutorsArgument = None,
    *,
    clusters: Mapping[str, str] | None = None,
    more_executors: Iterable[ParslExecutor] = (),
    task_records: bool = True,
    **parsl_options: Any,
) -> Config:
    """Return the ``parsl.Config`` that ``load`` would load, with the clusters already prepared.

    Parsl's own clean-up then ends everything on the clusters; so does the end of the process.
    Arguments and errors are those of :func:`load`.
    """
    run, engine = _open(executors, clusters, task_records)

    try:
        made = engine.config(more_executors, **parsl_options)
    except BaseException as error:
        finish(run, engine, error)
        raise
    at_end_of_script(lambda error: finish(run, engine, error))
    return made


def _open(
    executors: ExecutorsArgument, clusters: Mapping[str, str] | None, task_records: bool
) -> tuple[AttachedRun, Engine]:
    # A supervised run is there already, and has the words of any error; another one is not made
    # before the definitions are right.
    run = attach() if VARIABLE in os.environ else None
    file, definitions = _definitions(executors, clusters or {})
    run = run or attach()
    report = run.report if run.supervised else Console(run.report)
    for note in (*file.notes, *notes_on(file)):
        report("note", text=note)
    tasks = TaskStore(run.folder.tasks, report) if task_records else None
    engine = Engine(
        file,
        definitions,
        run.tag,
        run.folder.path,
        report,
        run.folder.ledger,
        tasks,
        usual_seconds(script_of(run.folder.asked), run.folder.number),
    )
    try:
        engine.open()
    except BaseException as error:
        finish(run, engine, error)
        raise
    return run, engine


def _definitions(
    executors: ExecutorsArgument, clusters: Mapping[str, str]
) -> tuple[ExecutorsFile, dict[str, ClusterDefinition]]:
    """Read executors and clusters; the command line's choices win over the script's."""
    asked_file, asked_clusters = _asked()
    source = asked_file or executors or _file_beside_script()
    file = load_executors(
        source if isinstance(source, Mapping) else Path(source),
        clusters={**clusters, **asked_clusters},
        folder=_script_folder(),
    )
    return file, {label: find_cluster(wanted.cluster) for label, wanted in file.executors.items()}


def find_cluster(name: str) -> ClusterDefinition:
    """Return a cluster's definition; ``local`` needs none.

    Raises:
        DefinitionError: there is no such cluster.

    """
    store = ClusterStore()
    if name == LOCAL and name not in store.names():
        return ClusterDefinition(name=LOCAL, type="local")
    return store.load(name)


def _asked() -> tuple[str | None, dict[str, str]]:
    path = os.environ.get(VARIABLE)
    if not path:
        return None, {}
    with contextlib.suppress(TowlineError):
        asked = RunFolder.open(Path(path)).asked
        return asked.executors, asked.clusters
    return None, {}


def _script_folder() -> Path:
    """Return the folder of the script; the working folder in a notebook."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).absolute().parent if main else Path.cwd()


def _file_beside_script() -> Path:
    if found := executors_beside(_script_folder()):
        return found
    raise DefinitionError(
        "towline.load()",
        f"no executor definitions: none given, and no {DEFAULT_FILES[0]} beside the script "
        f"or in {Path.cwd()}",
        "towline.load({'label': {'cluster': 'local'}})",
    )


def leftovers_of(run: AttachedRun) -> list[Any]:
    """Return what the ledger of a run that this process keeps still has open."""
    from towline.runs.ending import Leftover

    if run.supervised:
        return []
    return [
        Leftover(entry.cluster, entry.kind, str(entry.facts.get("path") or entry.facts.get("name")))
        for entry in run.ledger.open_entries()
    ]
