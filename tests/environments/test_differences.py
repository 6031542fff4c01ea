"""How locks differ from each other, and environments from their locks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import venv
from datetime import datetime, timezone
from pathlib import Path

from towline.environments import differences
from towline.environments.differences import Contents, Difference, between_locks, from_lock
from towline.environments.locks import Lock

PROBE_FILE = Path(differences.__file__).with_name(differences.PROBE)


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
    assert from_lock(lock("mine @ file:///home/me/mine"), contents) == []


def test_lines_of_a_conda_lock_are_read_too():
    conda = lock("openssl=3.1=h1_0 sha256:aa", "pip:Lib==1.0 files:bb")
    assert from_lock(conda, Contents({"openssl": "3.1", "lib": "1.0"}, {})) == []
    assert from_lock(conda, Contents({"openssl": "3.2"}, {})) == [
        Difference("lib", "1.0", ""),
        Difference("openssl", "3.1", "3.2"),
    ]
    other = lock("openssl=3.2=h1_0 sha256:cc", "pip:Lib==1.0 files:bb")
    assert between_locks(conda, other) == [Difference("openssl", "3.1=h1_0", "3.2=h1_0")]


def test_what_conda_has_installed_is_told_by_its_own_records(tmp_path):
    """A package of another name than its module's, one that pip put beside, one edited by hand."""
    venv.create(tmp_path, with_pip=False)
    site = next(tmp_path.glob("lib/python*/site-packages"))
    for name in ("torch", "stranger"):
        (site / f"{name}-1.dist-info").mkdir()
        (site / f"{name}-1.dist-info/METADATA").write_text(f"Name: {name}\nVersion: 1\n")
    (tmp_path / "share").mkdir()
    (tmp_path / "share/data").write_text("edited")
    (tmp_path / "conda-meta").mkdir()
    about = str((site / "torch-1.dist-info/METADATA").relative_to(tmp_path))
    path = {"_path": "share/data", "path_type": "hardlink"}
    path["sha256"] = hashlib.sha256(b"as it was").hexdigest()
    record = {"name": "pytorch", "version": "1", "files": [about, "share/data"]}
    record["paths_data"] = {"paths": [path]}
    (tmp_path / "conda-meta/pytorch-1-0.json").write_text(json.dumps(record))
    done = subprocess.run(
        [tmp_path / "bin/python", PROBE_FILE, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "@@package=pytorch 1",
        "@@changed=pytorch share/data",
        "@@package=stranger 1",
        "@@end=ok",
    ]
