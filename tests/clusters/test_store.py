"""Cluster definitions as files that people edit."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, ClusterStore, define
from towline.errors import DefinitionError


@pytest.fixture
def store(tmp_path: Path) -> ClusterStore:
    return ClusterStore(tmp_path / "clusters")


def write(store: ClusterStore, name: str, text: str) -> Path:
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.path(name)
    path.write_text(text)
    return path


def refused(store: ClusterStore, name: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        store.load(name)
    return caught.value


def test_what_was_added_is_loaded_again_unchanged(store: ClusterStore) -> None:
    definition = define(
        "onprem", host="login", user="alice", partitions=["gpu"], tags=["big"], description="Über"
    )
    store.add(definition)
    assert store.load("onprem") == definition
    assert store.list() == [definition]


def test_the_file_holds_only_what_was_said(store: ClusterStore) -> None:
    path = store.add(define("onprem", host="login", user="alice"))
    assert path.read_text().splitlines()[1:] == ["type: slurm", "host: login", "user: alice"]


def test_a_folder_that_does_not_exist_yet_holds_no_clusters(store: ClusterStore) -> None:
    assert store.names() == []
    error = refused(store, "onprem")
    assert "no cluster is defined yet" in error.cause
    assert error.next_step == "towline cluster add onprem --host HOST"


def test_a_duplicate_name_is_refused_and_the_file_is_kept(store: ClusterStore) -> None:
    store.add(define("onprem", host="first"))
    with pytest.raises(DefinitionError, match="exists already"):
        store.add(define("onprem", host="second"))
    assert store.load("onprem").host == "first"
    store.add(define("onprem", host="second"), replace=True)
    assert store.load("onprem").host == "second"


def test_an_unknown_cluster_is_named_with_a_suggestion_and_the_list(store: ClusterStore) -> None:
    store.add(define("gcpslurm2", host="h"))
    store.add(define("onprem", host="h"))
    assert (
        "did you mean 'gcpslurm2'? (defined: gcpslurm2, onprem)" in refused(store, "gcpslurm").cause
    )


def test_no_name_leads_out_of_the_folder(store: ClusterStore, tmp_path: Path) -> None:
    write(store, "onprem", "host: h\n")
    outside = tmp_path / "secret.yaml"
    outside.write_text("host: h\n")
    assert "is not defined" in refused(store, "../secret").cause
    with pytest.raises(DefinitionError):
        store.remove("../secret")
    assert outside.exists()


def test_removing_deletes_the_file_and_an_unknown_name_is_refused(store: ClusterStore) -> None:
    path = store.add(define("onprem", host="h"))
    store.remove("onprem")
    assert not path.exists()
    with pytest.raises(DefinitionError):
        store.remove("onprem")


def test_a_misspelt_key_is_refused_with_file_line_and_suggestion(store: ClusterStore) -> None:
    path = write(store, "onprem", "# mine\ntype: slurm\nhsot: login\nuser: alice\n")
    error = refused(store, "onprem")
    assert error.thing == f"{path}:3"
    assert "unknown key 'hsot'; did you mean 'host'?" in error.cause


def test_all_complaints_come_at_once_in_the_order_of_their_lines(store: ClusterStore) -> None:
    path = write(store, "onprem", "host: login\nport: many\nusr: alice\n")
    error = refused(store, "onprem")
    assert error.thing == f"{path}:2"
    assert error.cause == (
        "port must be a whole number, not 'many'; line 3: unknown key 'usr'; did you mean 'user'?"
    )


def test_a_key_with_no_near_word_is_refused_with_all_known_keys(store: ClusterStore) -> None:
    write(store, "onprem", "host: login\nzzz: 1\n")
    assert "(known: name, type, host, user" in refused(store, "onprem").cause


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("host: [login\n", 2, "is no valid YAML"),
        ("host: login\n\tuser: x\n", 2, "is no valid YAML"),
        (
            "host: login\nuser: a\nhost: other\n",
            3,
            "'host' stands here a second time (first in line 1)",
        ),
        (
            "host: login\npartitions:\n  - gpu\n  - 7\n",
            4,
            "partitions.1 must be text (put it in quotes), not 7",
        ),
        ("host: login\nuser: 1000\n", 2, "user must be text (put it in quotes), not 1000"),
        ("host: login\nname: other\n", 2, "name is 'other', but the file's name says 'onprem'"),
        ("host: login\nuser: &x [*x]\n", 2, "user must be text"),
        ("type: yes\nhost: h\n", 1, "not True"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    store: ClusterStore, text: str, line: int, words: str
) -> None:
    path = write(store, "onprem", text)
    error = refused(store, "onprem")
    assert error.thing == f"{path}:{line}"
    assert words in error.cause


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "host is missing"),
        ("type: slurm\n", "host is missing"),
        ("- host\n", "must hold 'key: value' lines"),
        ("!!python/object:os.system {}\n", "could not determine a constructor"),
    ],
)
def test_a_file_that_says_too_little_is_refused(store: ClusterStore, text: str, words: str) -> None:
    write(store, "onprem", text)
    assert words in refused(store, "onprem").cause


def test_an_unreadable_file_is_refused_with_the_reason(store: ClusterStore) -> None:
    store.path("folder").mkdir(parents=True)
    assert "cannot be read: Is a directory" in refused(store, "folder").cause
    store.path("binary").write_bytes(b"host: \xff\xfe\n")
    assert "cannot be read: it is not UTF-8 text" in refused(store, "binary").cause


def test_a_file_with_an_impossible_name_is_refused_with_the_rule(store: ClusterStore) -> None:
    write(store, "My Cluster", "host: h\n")
    assert "a name has 2-250" in refused(store, "My Cluster").cause


def test_json_is_yaml_too(store: ClusterStore) -> None:
    write(store, "onprem", '{"host": "login", "tags": ["a"]}')
    assert store.load("onprem") == ClusterDefinition(name="onprem", host="login", tags=["a"])


def test_editors_hidden_files_are_no_clusters(store: ClusterStore) -> None:
    write(store, ".#onprem", "host: h\n")
    assert store.names() == []


def test_a_definition_that_cannot_be_replaced_is_kept_whole(
    store: ClusterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a disk that is full: the kernel says so when the file is made safe."""
    path = store.add(define("onprem", host="first"))
    before = path.read_text()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DefinitionError, match="No space left"):
        store.add(define("onprem", host="second"), replace=True)
    with pytest.raises(DefinitionError, match="No space left"):
        store.add(define("other", host="second"))
    assert path.read_text() == before
    assert [entry.name for entry in store.folder.iterdir()] == ["onprem.yaml"]


def test_a_definition_that_is_a_link_is_replaced_where_it_lies(
    store: ClusterStore, tmp_path: Path
) -> None:
    """Its rights stay as they were, too."""
    kept = tmp_path / "dotfiles.yaml"
    kept.write_text("type: local\n")
    kept.chmod(0o640)
    store.folder.mkdir(parents=True)
    store.path("here").symlink_to(kept)
    store.add(define("here", type="local", tags=["mine"]), replace=True)
    assert store.path("here").is_symlink()
    assert "mine" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o640
