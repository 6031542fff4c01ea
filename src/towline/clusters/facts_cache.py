"""Remember what was observed of a cluster, so that most commands need not look again."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, SerializeAsAny, ValidationError

from towline import folders
from towline.clusters.definition import ClusterDefinition
from towline.clusters.facts import ClusterFacts
from towline.clusters.probe import probe

if TYPE_CHECKING:
    from towline.clusters.shell import Shell


class _Remembered(BaseModel):
    definition: SerializeAsAny[ClusterDefinition]
    facts: ClusterFacts


def load_facts(
    definition: ClusterDefinition, shell: Shell, *, max_age: float = 3600
) -> ClusterFacts:
    """Return the facts of a cluster: remembered ones, or new ones when those are too old.

    Looks again when the definition has changed, when the facts are older than ``max_age`` seconds,
    or when the scheduler did not answer last time. Facts that cannot be observed now keep their
    last known value and stay listed in `unknown`.

    Raises:
        ReachError: there are no usable facts, and the controller cannot be asked.

    """
    remembered = recall_facts(definition)
    if remembered and not remembered.unknown:
        age = time.time() - remembered.observed_at
        if 0 <= age <= max_age:
            return remembered
    facts = keep_last_known(probe(shell, definition), remembered)
    remember_facts(definition, facts)
    return facts


def recall_facts(definition: ClusterDefinition) -> ClusterFacts | None:
    """Return the last facts observed under this very definition, however old; None without any."""
    try:
        text = _file(definition.name).read_text(encoding="utf-8")
        remembered = _Remembered.model_validate_json(text)
    except (OSError, ValidationError, UnicodeDecodeError):
        return None  # facts can always be observed again
    return remembered.facts if remembered.definition == definition else None


def remember_facts(definition: ClusterDefinition, facts: ClusterFacts) -> None:
    """Keep facts for `load_facts` in this and other processes."""
    file = _file(definition.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.parent / f".{os.getpid()}.{time.monotonic_ns()}"
    new.write_text(
        _Remembered(definition=definition, facts=facts).model_dump_json(indent=1), encoding="utf-8"
    )
    new.replace(file)


def forget_facts(name: str) -> None:
    """Forget a cluster's facts; fine when there are none."""
    with contextlib.suppress(FileNotFoundError):
        _file(name).unlink()


def keep_last_known(facts: ClusterFacts, before: ClusterFacts | None) -> ClusterFacts:
    """Return facts with the earlier values of those that could not be observed this time."""
    if before is None or not facts.unknown:
        return facts
    kept = set(facts.unknown)
    if facts.node_address_guessed:  # no node could be asked the way this time
        kept |= {"node_address", "node_address_reason", "node_address_guessed"}
    return facts.model_copy(update={name: getattr(before, name) for name in kept})


def _file(name: str) -> Path:
    return folders.cache_folder() / "facts" / f"{name}.json"
