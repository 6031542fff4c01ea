"""How locks differ from each other, and environments from their locks."""

from __future__ import annotations

from datetime import datetime, timezone

from towline.environments.differences import Contents, Difference, between_locks, from_lock
from towline.environments.locks import Lock


def lock(*lines: str) -> Lock:
    return Lock("uv", "uv-1", lines, datetime.now(timezone.utc), ())


def test_equal_locks_do_not_differ():
    assert between_locks(lock("a==1 sha256:aa"), lock("a==1 sha256:aa")) == []


def test_what_came_what_went_and_what_changed_is_said():
    before = lock("a==1 sha256:aa", "b==1 sha256:bb", "c==1 sha256:cc")
    after = lock("b==2 sha256:dd", "c==1 sha256:cc", "d==1 sha256:ee")
    assert between_locks(before, after) == [
        Difference("a", "1", ""),
        Difference("b", "1", "2"),
        Difference("d", "", "1"),
    ]


def test_the_same_version_with_another_hash_is_another_package():
    found = between_locks(lock("a==1 sha256:aa"), lock("a==1 sha256:bb"))
    assert found == [Difference("a", "1 sha256:aa", "1 sha256:bb")]


def test_names_are_compared_as_indexes_do():
    contents = Contents({"typing-extensions": "4"}, {})
    assert from_lock(lock("Typing_Extensions==4 sha256:aa"), contents) == []


def test_a_package_put_in_or_taken_out_by_hand_is_seen():
    found = from_lock(lock("a==1 sha256:aa", "b==1 sha256:bb"), Contents({"a": "1", "c": "2"}, {}))
    assert found == [Difference("b", "1", ""), Difference("c", "", "2")]


def test_a_file_changed_by_hand_is_seen():
    contents = Contents({"a": "1"}, {"a": ("a/__init__.py",)})
    assert from_lock(lock("a==1 sha256:aa"), contents) == [
        Difference("a", "1", "1", ("a/__init__.py",))
    ]


def test_a_package_built_from_a_folder_has_no_locked_version():
    contents = Contents({"mine": "0.3"}, {})
    assert from_lock(lock("mine @ file:///work/mine"), contents) == []
