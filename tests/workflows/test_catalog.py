"""The catalog: versions that never change, whole or not there, whoever adds at the same time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from towline.errors import DefinitionError, WorkflowExists, WorkflowNotFound
from towline.workflows import Catalog, FromPath, Installed, Source, from_folder, read_source

from .conftest import WorkflowFolder


def test_a_workflow_is_added_updated_and_removed(workflow_folder: WorkflowFolder):
    folder, catalog = workflow_folder(), Catalog()
    first = catalog.add(FromPath(folder))
    assert (first.name, first.version, first.title) == ("hello", 1, "hello")
    assert first.source == Source("path", str(folder))
    assert catalog.update("hello").version == 1, "nothing has changed"
    (folder / "main.py").write_text("print('other')\n")
    assert catalog.update("hello").version == 2
    assert catalog.versions("hello") == [1, 2]
    assert (catalog.load("hello", 1).folder / "main.py").read_text() == "print('hello')\n"
    catalog.remove("hello")
    assert catalog.names() == []
    assert {path.name for path in catalog.folder.iterdir()} == {".lock"}


def test_an_executable_bit_is_a_change(workflow_folder: WorkflowFolder):
    folder, catalog = workflow_folder(), Catalog()
    catalog.add(FromPath(folder))
    (folder / "main.py").chmod(0o755)
    assert catalog.update("hello").version == 2


def test_what_a_script_left_behind_is_no_part_of_a_workflow(workflow_folder: WorkflowFolder):
    folder, catalog = workflow_folder(), Catalog()
    catalog.add(FromPath(folder))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.pyc").write_bytes(b"x")
    assert catalog.update("hello").version == 1


def test_a_name_is_taken_once(workflow_folder: WorkflowFolder):
    catalog = Catalog()
    catalog.add(FromPath(workflow_folder()))
    with pytest.raises(WorkflowExists, match="towline workflow update hello"):
        catalog.add(FromPath(workflow_folder()))
    assert catalog.add(FromPath(workflow_folder()), "other").version == 1


def test_an_unknown_workflow_gets_a_suggestion(workflow_folder: WorkflowFolder):
    catalog = Catalog()
    with pytest.raises(WorkflowNotFound, match="no workflow is installed yet"):
        catalog.load("hello")
    catalog.add(FromPath(workflow_folder()))
    with pytest.raises(WorkflowNotFound, match="did you mean 'hello'"):
        catalog.load("helo")
    with pytest.raises(WorkflowNotFound, match="has no version 7"):
        catalog.load("hello", 7)
    with pytest.raises(WorkflowNotFound):
        catalog.load("../hello")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".new-x", "A", "a b", "x" * 65])
def test_a_name_that_is_none_is_refused(workflow_folder: WorkflowFolder, name: str):
    with pytest.raises(DefinitionError, match="name"):
        Catalog().add(FromPath(workflow_folder()), name)


def test_a_wrong_workflow_leaves_nothing(workflow_folder: WorkflowFolder):
    catalog = Catalog()
    folder = workflow_folder(text="run: [python, absent.py]\n")
    with pytest.raises(DefinitionError, match=r"there is no absent\.py"):
        catalog.add(FromPath(folder))
    assert catalog.names() == []
    assert {path.name for path in catalog.folder.iterdir()} <= {".lock"}


def test_a_wrong_update_leaves_the_versions_as_they_are(workflow_folder: WorkflowFolder):
    folder, catalog = workflow_folder(), Catalog()
    catalog.add(FromPath(folder))
    (folder / "workflow.yaml").write_text("runn: x\n")
    with pytest.raises(DefinitionError, match="unknown key 'runn'"):
        catalog.update("hello")
    assert catalog.versions("hello") == [1]


def test_a_broken_workflow_does_not_hide_the_others(workflow_folder: WorkflowFolder):
    catalog = Catalog()
    catalog.add(FromPath(workflow_folder()))
    catalog.add(FromPath(workflow_folder()), "other")
    (catalog.folder / "other" / "1" / "installed.json").write_text("{")
    assert [workflow.name for workflow in Catalog().list()] == ["hello"]
    assert Catalog().names() == ["hello", "other"]


@pytest.mark.parametrize("extra", ["fifo", "link", "executors"])
def test_what_cannot_be_kept_is_refused(workflow_folder: WorkflowFolder, extra: str):
    folder = workflow_folder()
    if extra == "fifo":
        os.mkfifo(folder / "pipe")
    elif extra == "link":
        (folder / "data").symlink_to("/etc")
    else:
        (folder / "workflow.yaml").write_text(
            "run: [python, main.py]\nexecutors: {a: {clusterr: x}}\n"
        )
    with pytest.raises(DefinitionError):
        Catalog().add(FromPath(folder))


def test_of_many_who_add_at_once_one_wins(workflow_folder: WorkflowFolder):
    folder = workflow_folder()

    def add(_: int) -> bool:
        with contextlib.suppress(WorkflowExists):
            Catalog().add(FromPath(folder))
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 1
    assert Catalog().versions("hello") == [1]


def test_of_many_who_update_at_once_each_change_is_one_version(
    workflow_folder: WorkflowFolder, monkeypatch: pytest.MonkeyPatch
):
    """Between the look at the newest version and the new one nobody else comes in."""
    folder = workflow_folder()
    Catalog().add(FromPath(folder))
    publish = Catalog._publish

    def slowly(self: Catalog, *arguments: Any) -> Installed:
        time.sleep(0.05)  # gives the others the chance to come in
        return publish(self, *arguments)

    monkeypatch.setattr(Catalog, "_publish", slowly)
    (folder / "main.py").write_text("print('other')\n")
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda _: Catalog().update("hello").version, range(16)))
    assert set(versions) == {2}
    assert Catalog().versions("hello") == [1, 2]


_ADD = """
import sys, threading
from pathlib import Path
from towline.workflows import Catalog, FromPath
for n in range(10**6):
    Catalog().add(FromPath(Path(sys.argv[1])), f"w{n}")
    print(n, flush=True)
"""


def test_a_killed_add_leaves_whole_workflows_only(workflow_folder: WorkflowFolder):
    """After kill -9, every workflow that is there can be read; the rest is swept up."""
    folder = workflow_folder(data="x" * 200_000)
    adding = subprocess.Popen(
        [sys.executable, "-c", _ADD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert adding.stdout is not None
    for _ in range(3):
        adding.stdout.readline()
    os.kill(adding.pid, signal.SIGKILL)
    adding.wait()
    adding.stdout.close()
    catalog = Catalog()
    assert len(catalog.names()) >= 3
    assert [workflow.name for workflow in catalog.list()] == catalog.names()
    left = catalog.folder / ".new-left"
    left.mkdir()
    old = time.time() - 3600
    for path in catalog.folder.glob(".new-*"):
        os.utime(path, (old, old))
    catalog.add(FromPath(folder), "after")
    assert list(catalog.folder.glob(".new-*")) == []


def test_a_folder_can_be_used_without_installing_it(workflow_folder: WorkflowFolder):
    workflow = from_folder(workflow_folder())
    assert (workflow.name, workflow.version) == ("hello", 0)


def test_a_folder_with_a_named_pipe_is_refused_and_the_pipe_not_waited_for(
    workflow_folder: WorkflowFolder,
):
    folder = workflow_folder()
    os.mkfifo(folder / "pipe")
    with pytest.raises(DefinitionError, match="is neither file nor folder nor link"):
        from_folder(folder)


def test_a_folder_is_not_read_beyond_what_a_workflow_may_hold(workflow_folder: WorkflowFolder):
    folder = workflow_folder()
    with (folder / "data").open("wb") as data:
        data.truncate(3 << 40)  # a hole: reading it would take hours
    with pytest.raises(DefinitionError, match="has more than 1024 MiB"):
        from_folder(folder)


def test_a_word_means_a_folder_an_archive_or_a_repository(tmp_path: Path):
    (tmp_path / "a.tar.gz").touch()
    assert type(read_source(str(tmp_path / "a.tar.gz"))).__name__ == "FromArchive"
    assert type(read_source(str(tmp_path))).__name__ == "FromPath"
    assert type(read_source("https://host/x.git")).__name__ == "FromGit"
    assert type(read_source("git@host:x.git")).__name__ == "FromGit"
    with pytest.raises(DefinitionError, match="is no git repository"):
        read_source(str(tmp_path / "a.tar.gz"), ref="main")
