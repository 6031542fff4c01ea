"""A repository is pinned to a commit; what git could be talked into, it is not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.workflows import Catalog, FromGit
from towline.workflows.sources.tree import Limits

AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *words: str) -> str:
    answer = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **AUTHOR},
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a workflow in its folder ``flows/hello``."""
    folder = tmp_path / "repository"
    (folder / "flows" / "hello").mkdir(parents=True)
    (folder / "flows" / "hello" / "workflow.yaml").write_text("run: [python, main.py]\n")
    (folder / "flows" / "hello" / "main.py").write_text("print(1)\n")
    git(folder, "init", "--quiet", "--initial-branch=main", ".")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    return folder


def source(repository: Path, ref: str = "", folder: str = "flows/hello") -> FromGit:
    return FromGit(repository.as_uri(), ref, folder, local=True)


def test_a_workflow_is_pinned_and_updated(repository: Path):
    """The commit is recorded; update looks the ref up again, and makes no version for nothing."""
    catalog = Catalog()
    first = catalog.add(source(repository, "main"))
    assert first.name == "hello"
    assert first.source.commit == git(repository, "rev-parse", "HEAD")
    assert not (first.folder / ".git").exists()
    assert catalog.update("hello").version == 1

    (repository / "flows" / "hello" / "main.py").write_text("print(2)\n")
    git(repository, "commit", "--quiet", "-am", "two")
    second = catalog.update("hello")
    assert second.version == 2
    assert second.source.commit == git(repository, "rev-parse", "HEAD")
    assert (catalog.load("hello", 1).folder / "main.py").read_text() == "print(1)\n"


def test_a_commit_of_old_can_be_asked_for(repository: Path):
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    old = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "two")
    assert Catalog().add(source(repository, old)).source.commit == old


def test_a_missing_ref_is_said_in_gits_words(repository: Path):
    with pytest.raises(DefinitionError, match="git fetch: .*nowhere"):
        Catalog().add(source(repository, "nowhere"))


def test_the_folders_with_workflows_are_named(repository: Path):
    with pytest.raises(DefinitionError, match="has workflows in flows/hello"):
        Catalog().add(source(repository, folder=""))


def test_a_repository_over_the_limit_is_refused(repository: Path, tmp_path: Path):
    (repository / "flows" / "hello" / "big").write_bytes(os.urandom(300_000))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "big")
    wanted = FromGit(
        repository.as_uri(), "", "flows/hello", local=True, limits=Limits(size=100_000)
    )
    with pytest.raises(DefinitionError, match="has more than"):
        Catalog().add(wanted)


def test_hooks_filters_and_submodules_do_not_run(repository: Path, tmp_path: Path):
    """What a repository brings with it is data."""
    trace = tmp_path / "ran"
    (repository / "flows" / "hello" / ".gitattributes").write_text("*.py filter=evil\n")
    (repository / ".gitmodules").write_text(
        f'[submodule "s"]\n path = s\n url = "ext::sh -c touch% {trace}"\n'
    )
    git(repository, "add", ".")
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit},s")
    git(repository, "commit", "--quiet", "-m", "evil")
    Catalog().add(source(repository))
    assert not trace.exists()


def test_a_link_out_of_the_repository_is_refused(repository: Path):
    (repository / "flows" / "hello" / "link").symlink_to("/etc/passwd")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "link")
    with pytest.raises(DefinitionError, match="is a link out"):
        Catalog().add(source(repository))


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c id",
        "ext::sh%20-c%20id",
        "--upload-pack=touch /tmp/x",
        "-u",
        "file:///etc",
        "/etc",
        "http://",
        "https://host",
        "ftp://host/x",
        "ssh://-oProxyCommand=id/x",
        "ssh://-oProxyCommand=id@host/x",
        "git@-oProxyCommand=id:x",
        "https://host/x\n--upload-pack=id",
        "fd::17/x",
        "transport::address",
        "https://[::1/x",
        "",
    ],
)
def test_a_url_that_could_do_more_is_refused(url: str):
    with pytest.raises(DefinitionError, match="git URL"):
        FromGit(url)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(DefinitionError) as caught:
        FromGit("https://me:hunter2@host/x.git")
    assert "hunter2" not in str(caught.value)
    assert "credential helper" in str(caught.value)


@pytest.mark.parametrize("ref", ["--upload-pack=id", "-x", "a b", "a\nb", "a:b", "^x", "a" * 300])
def test_a_ref_that_could_do_more_is_refused(ref: str):
    with pytest.raises(DefinitionError, match="is no branch, tag or commit"):
        FromGit("https://host/x.git", ref)


@pytest.mark.parametrize("folder", ["../x", "/etc", "a/../../b"])
def test_a_folder_outside_the_repository_is_refused(folder: str):
    with pytest.raises(DefinitionError, match="must be a path in the repository"):
        FromGit("https://host/x.git", "", folder)


@pytest.mark.parametrize("url", ["https://host/a/b.git", "git@host:a/b.git", "ssh://g@h:22/b"])
def test_the_usual_urls_are_taken(url: str):
    assert FromGit(url).suggested_name() == "b"
