"""What a user may write about a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, define
from towline.errors import DefinitionError


@pytest.mark.parametrize(
    "name", ["gcpslurm2", "onprem", "gcpslurmv2dev", "az_slurm-3", "ab", "x" * 250]
)
def test_names_like_those_of_the_talk_are_accepted(name: str) -> None:
    assert define(name, host="h").name == name


@pytest.mark.parametrize(
    "name", ["a", "Onprem", "on prem", "-x", "x" * 251, "../up", "a.b", "ab\n"]
)
def test_a_bad_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(DefinitionError, match="a name has 2-250 of a-z, 0-9, _ and -"):
        define(name, host="h")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "host is missing"),
        ({"type": "local", "host": "h"}, "it has no host"),
        ({"type": "slrum", "host": "h"}, "not 'slrum'; did you mean 'slurm'?"),
        ({"host": "-oProxyCommand=evil"}, "host must be a host name"),
        ({"host": "alice@h"}, "host must be a host name"),
        ({"host": "h", "user": "-l"}, "user must be one word"),
        ({"host": "h", "user": "a$(id)"}, "user must be one word"),
        ({"host": "h", "jump": "gate; id"}, "jump must be one word"),
        ({"host": "h", "port": 70000}, "port input should be less than or equal to 65535"),
        ({"host": "h", "port": "many"}, "port must be a whole number, not 'many'"),
        ({"host": "h", "partitions": []}, "partitions is empty; leave the key out instead"),
        ({"host": "h", "partitions": "gpu"}, "partitions must be a list, not 'gpu'"),
        ({"host": "h", "identity_file": "key"}, "identity_file must be an absolute path"),
        ({"host": "h", "root": "~bob/x"}, "root must be an absolute path"),
        ({"host": "h", "address": "ctl"}, "address must be an IPv4 address of the controller"),
        ({"host": "h", "python": "python3"}, "python must be an absolute path"),
        ({"host": "h", "hsot": "x"}, "unknown key 'hsot'; did you mean 'host'?"),
    ],
)
def test_a_wrong_value_is_refused_in_words(values: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define("onprem", **values)
    assert words in caught.value.cause
    assert caught.value.thing == "cluster onprem"


def test_destination_carries_all_that_ssh_needs_with_local_paths_expanded() -> None:
    definition = define(
        "onprem",
        host="login",
        user="alice",
        port=2222,
        jump="bob@gate:22",
        identity_file="~/.ssh/id_hpc",
        ssh_config="/etc/hpc_ssh_config",
        persist_seconds=60,
        connections_per_minute=3,
    )
    destination = definition.destination()
    assert destination.name == "onprem"
    assert (destination.host, destination.user, destination.port) == ("login", "alice", 2222)
    assert destination.jump == "bob@gate:22"
    assert destination.identity_file == Path.home() / ".ssh" / "id_hpc"
    assert destination.config_file == Path("/etc/hpc_ssh_config")
    assert (destination.persist_seconds, destination.connections_per_minute) == (60, 3)


def test_a_local_cluster_has_no_destination() -> None:
    with pytest.raises(ValueError, match="nothing to connect to"):
        define("here", type="local").destination()


def test_every_key_is_described_for_the_schema_and_the_docs() -> None:
    fields = ClusterDefinition.model_json_schema()["properties"]
    assert [name for name, field in fields.items() if not field.get("description")] == []
