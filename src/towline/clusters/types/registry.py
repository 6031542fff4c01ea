"""All types of clusters: the built-in ones, and what is installed beside Towline."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from towline.clusters._complaints import suggestion
from towline.clusters.definition import ClusterDefinition
from towline.clusters.types.base import ClusterType
from towline.clusters.types.built_in import BUILT_IN

GROUP = "towline.cluster_types"

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_found: tuple[dict[str, ClusterType], dict[str, str]] | None = None


class UnknownType(ValueError):
    """There is no type of this key."""


def cluster_types() -> Mapping[str, ClusterType]:
    """Return every usable type by its key, the built-in ones first."""
    return MappingProxyType(_all()[0])


def broken_types() -> Mapping[str, str]:
    """Return why installed types cannot be used, by the name of their entry point."""
    return MappingProxyType(_all()[1])


def type_named(key: object) -> ClusterType:
    """Return a type by its key; other packages are looked at only when it is not built in.

    Raises:
        UnknownType: with the keys that there are, and why one of this name is broken.

    """
    if isinstance(key, str) and key in BUILT_IN:
        return BUILT_IN[key]
    types = cluster_types()
    if isinstance(key, str) and key in types:
        return types[key]
    *most, last = (f"'{name}'" for name in types)
    words = f"must be {', '.join(most)} or {last}"
    if isinstance(key, str):
        words += suggestion(key, types)
        if why := broken_types().get(key):
            words += f" ({key} is installed, but {why})"
    raise UnknownType(words)


def type_of(definition: ClusterDefinition) -> ClusterType:
    """Return the type of a cluster.

    Raises:
        UnknownType: what provided it is no longer installed.

    """
    return type_named(definition.type)


def look_again() -> None:
    """Forget which types were found, so that the next question looks at what is installed now."""
    global _found
    with _lock:
        _found = None


def _all() -> tuple[dict[str, ClusterType], dict[str, str]]:
    global _found
    with _lock:
        if _found is None:
            types, broken = dict(BUILT_IN), dict[str, str]()
            for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
                try:
                    types[entry.name] = _load(entry, types)
                except Exception as error:  # another package's code: anything may come of it
                    broken[entry.name] = f"{type(error).__name__}: {error}"
                    _log.warning("cluster type %s is left out: %s", entry.name, broken[entry.name])
            _found = types, broken
        return _found


def _load(entry: EntryPoint, types: Mapping[str, ClusterType]) -> ClusterType:
    if entry.name in types:
        raise ValueError(f"there is a type {entry.name} already")
    found = entry.load()
    made = found() if inspect.isclass(found) else found
    if not isinstance(made, ClusterType):
        raise TypeError(f"{entry.value} is no ClusterType")
    if made.key != entry.name:
        raise ValueError(f"its key is {made.key!r}")
    return made
