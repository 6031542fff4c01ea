"""Both clusters of the testbed, defined in a TOWLINE_HOME of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.clusters import ClusterDefinition, ClusterStore
from towline.engine import find
from towline.runs import RunFolder
from towline.ssh import Connection
from towline.testbed import Testbed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TOWLINE_HOME of the test's own."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TOWLINE_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clusters(home: Path, healthy_testbed: Testbed) -> Iterator[Testbed]:
    """The testbed with both clusters defined; their connections are closed afterwards."""
    definitions = [
        ClusterDefinition(
            name=name,
            host=name,
            ssh_config=str(healthy_testbed.ssh_config),
            connections_per_minute=600,
        )
        for name in ("onprem", "cloud")
    ]
    for definition in definitions:
        ClusterStore().add(definition)
    yield healthy_testbed
    for definition in definitions:
        Connection(definition.destination()).close()


@pytest.fixture
def leftovers(clusters: Testbed) -> Callable[[], list[Any]]:
    """A function that asks both clusters what is left of all runs of this home."""
    from towline.clusters import load_facts

    def ask() -> list[Any]:
        tags = [run.tag for run in RunFolder.all()]
        found = []
        for name in ("onprem", "cloud"):
            definition = ClusterStore().load(name)
            connection = Connection(definition.destination())
            found += find(connection, name, load_facts(definition, connection), tags)
        return found

    return ask
