"""Definitions of the testbed's clusters, for tests and benchmarks.

```python
with defined(testbed):
    ...  # executors may name "onprem" and "cloud"
```
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from towline.clusters.definition import ClusterDefinition
from towline.clusters.store import ClusterStore
from towline.ssh import Connection
from towline.testbed import Testbed

CONNECTIONS_PER_MINUTE = 600
"""A site would ban who knocks so often; a testbed does not, and tests break many connections."""


def definition_of(testbed: Testbed, name: str, **facts: Any) -> ClusterDefinition:
    """Return the definition of one of a testbed's clusters.

    Args:
        testbed: one that is up.
        name: the cluster's; also its Host in the testbed's SSH configuration.
        facts: more of :class:`ClusterDefinition`, or other values than the usual ones.

    """
    usual = {"name": name, "host": name, "connections_per_minute": CONNECTIONS_PER_MINUTE}
    return ClusterDefinition(**{**usual, "ssh_config": str(testbed.ssh_config), **facts})


def redefine(testbed: Testbed, name: str, **facts: Any) -> None:
    """Define one of a testbed's clusters anew; see :func:`definition_of`."""
    ClusterStore().remove(name)
    ClusterStore().add(definition_of(testbed, name, **facts))


@contextmanager
def defined(testbed: Testbed) -> Iterator[Testbed]:
    """Define a testbed's clusters; at the end close the connections to all that are defined then.

    They are defined in the folder of ``TOWLINE_HOME``: set it to one of the test's own.
    """
    store = ClusterStore()
    for name in testbed.clusters:
        store.add(definition_of(testbed, name))
    try:
        yield testbed
    finally:
        for name in store.names():
            Connection(store.load(name).destination()).close()
