"""What a batch job is asked to be: where it runs, what it runs, and what comes back."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from towline.engine.batch_job.patterns import check_pattern
from towline.engine.definitions import ExecutorDefinition, load_executors
from towline.engine.definitions.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS
from towline.errors import DefinitionError, RunError

ON_KEYS = frozenset(
    {
        *("cluster", "provider", "partition", "nodes", "tasks_per_node", "cores_per_node"),
        *("mem_per_node", "gpus_per_node", "gres", "walltime", "account", "qos", "constraint"),
        *("reservation", "exclusive", "scheduler_options", "worker_init"),
    }
)
"""Keys of ``on:``, which mean what they mean of an executor; the talk's names are taken too."""

_LABEL = "on"


def read_on(values: Mapping[str, Any]) -> tuple[ExecutorDefinition, tuple[str, ...]]:
    """Read ``on:`` of a workflow; return it, and what is to be said about it.

    Raises:
        DefinitionError: names the key; for a misspelt one the nearest that exists.

    """
    given = dict(values)
    for key in given:
        name = TALK_KEYS.get(str(key).upper(), str(key).lower())
        if name not in ON_KEYS and str(key).upper() not in IGNORED_TALK_KEYS:
            near = difflib.get_close_matches(name, sorted(ON_KEYS), 1)
            raise DefinitionError(
                f"{_LABEL}.{key}",
                "is no key of a batch job",
                f"did you mean {near[0]}?" if near else f"one of: {', '.join(sorted(ON_KEYS))}",
            )
    try:
        file = load_executors({_LABEL: given})
    except DefinitionError as error:
        thing = error.thing.removeprefix("executors: ")
        raise DefinitionError(thing, error.cause, error.next_step) from error
    wanted = file.executors[_LABEL]
    if wanted.cores_per_node is None and wanted.tasks_per_node is None and not wanted.exclusive:
        wanted = wanted.model_copy(update={"tasks_per_node": 1})  # as the scheduler's own command
    return wanted, tuple(note.removeprefix("executors: ") for note in file.notes)


@dataclass(frozen=True)
class BatchRequest:
    """One batch job, as ``batch.json`` of a run keeps it.

    Attributes:
        on: what ``on:`` says, its cluster included.
        argv: the program and its arguments; they reach it unchanged, through no shell.
        outputs: patterns of files to bring back; empty: all that the job has written.
        inputs: the file with the run's inputs, to be sent along; None: there is none.

    """

    on: dict[str, Any]
    argv: tuple[str, ...]
    outputs: tuple[str, ...] = field(default=())
    inputs: str | None = None

    @classmethod
    def of(
        cls,
        on: Mapping[str, Any],
        argv: Sequence[str],
        outputs: Sequence[str] = (),
        inputs: Path | None = None,
    ) -> BatchRequest:
        """Return a request that was checked.

        Raises:
            DefinitionError: ``on``, a pattern or an argument is wrong.

        """
        read_on(on)
        if not argv:
            raise DefinitionError("run", "is empty: there is nothing to run")
        for word in argv:
            if "\0" in word:
                raise DefinitionError("run", f"{word!r} holds a NUL, which no argument can")
        for pattern in outputs:
            check_pattern(pattern)
        return cls(dict(on), tuple(argv), tuple(outputs), str(inputs) if inputs else None)

    def write(self, path: Path) -> None:
        """Write the request, for its owner's eyes alone."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> BatchRequest:
        """Read a request.

        Raises:
            RunError: it is not there, or is none.

        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            inputs = values.get("inputs")
            argv, outputs = tuple(values["argv"]), tuple(values["outputs"])
            return cls(dict(values["on"]), argv, outputs, inputs)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(str(path), f"what the job is to be cannot be read: {error}") from error
