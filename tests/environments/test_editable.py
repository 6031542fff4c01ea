"""Where the code of editable installs is found."""

from __future__ import annotations

import json
import textwrap

import pytest

from towline.environments.editable import importable_parts
from towline.environments.installed import installed_here
from towline.errors import EnvironmentBuildFailed


@pytest.fixture
def project(tmp_path):
    """Return a project with code, tests and papers."""
    folder = tmp_path / "project"
    for path in ("mine/__init__.py", "mine/sub/__init__.py", "tests/__init__.py", "docs/conf.py"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")
    for path in ("pyproject.toml", "setup.py", "single.py"):
        (folder / path).write_text("")
    return folder


@pytest.fixture
def parts(site, project):
    """Return a function that installs the project editable and lists its importable parts."""

    def of(files, top_level=""):
        about = {"url": project.as_uri(), "dir_info": {"editable": True}}
        metadata = {"direct_url.json": json.dumps(about)}
        if top_level:
            metadata["top_level.txt"] = top_level
        site.add("mine", files=files, metadata=metadata)
        return importable_parts(installed_here([str(site.folder)])["mine"])

    return of


def test_a_flat_projects_packages_and_modules_are_taken_but_not_its_papers(parts, project):
    found = parts({"_mine.pth": f"{project}\n"})
    assert found == {"mine": project / "mine", "single.py": project / "single.py"}


def test_all_of_a_src_folder_is_taken_namespace_packages_too(parts, project):
    (project / "src/space/part").mkdir(parents=True)
    (project / "src/space/part/__init__.py").write_text("")
    (project / "src/mine.egg-info").mkdir()
    assert parts({"_mine.pth": f"{project}/src\n"}) == {"space": project / "src/space"}


def test_stated_names_decide_where_there_are_any(parts, project):
    found = parts({"_mine.pth": f"{project}\n"}, top_level="mine\n")
    assert found == {"mine": project / "mine"}


def test_the_table_of_a_setuptools_finder_is_read(parts, project):
    """As setuptools writes it: a module with MAPPING, and a .pth line that imports it."""
    finder = textwrap.dedent(f"""
        from __future__ import annotations
        MAPPING: dict[str, str] = {{'mine': '{project}/mine', 'single': '{project}/single'}}
        NAMESPACES: dict[str, list[str]] = {{}}
    """)
    found = parts(
        {
            "__editable___mine_1_0_finder.py": finder,
            "__editable__.mine-1.0.pth": "import __editable___mine_1_0_finder; …install()\n",
        }
    )
    assert found == {"mine": project / "mine", "single.py": project / "single.py"}


def test_an_install_that_hides_its_code_is_refused_in_words(parts, project):
    with pytest.raises(EnvironmentBuildFailed, match="hides where its code is") as raised:
        parts({"_mine_loader.py": "", "mine.pth": "import _mine_loader\n"})
    assert f"pip install {project}" in raised.value.next_step


def test_a_package_without_record_is_found_by_its_stated_names(site):
    """Distributions' own packages have an egg-info without a list of files."""
    about = site.folder / "old-1.0.egg-info"
    about.mkdir()
    (about / "PKG-INFO").write_text("Name: old\nVersion: 1.0\n")
    (site.folder / "old").mkdir()
    (site.folder / "old/__init__.py").write_text("")
    (site.folder / "stranger.py").write_text("")
    found = importable_parts(installed_here([str(site.folder)])["old"])
    assert found == {"old": site.folder / "old"}
