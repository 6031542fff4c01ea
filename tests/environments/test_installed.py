"""What the running interpreter has installed."""

from __future__ import annotations

import json

from towline.environments.installed import installed_here


def direct_url(**about: object) -> dict[str, str]:
    return {"direct_url.json": json.dumps(about)}


def test_an_editable_install_counts_once_beside_its_stray_egg_info(site, tmp_path):
    """A script started in the project's folder sees the egg-info there first."""
    project = tmp_path / "project"
    (project / "mine.egg-info").mkdir(parents=True)
    (project / "mine.egg-info/PKG-INFO").write_text("Name: mine\nVersion: 0.9\n")
    site.add("mine", metadata=direct_url(url=project.as_uri(), dir_info={"editable": True}))
    found = installed_here([str(project), str(site.folder)])["mine"]
    assert (found.version, found.editable_folder) == ("1.0", project)


def test_a_develop_install_of_old_is_editable_too(tmp_path):
    (tmp_path / "mine.egg-info").mkdir()
    (tmp_path / "mine.egg-info/PKG-INFO").write_text("Name: mine\nVersion: 0.9\n")
    assert installed_here([str(tmp_path)])["mine"].editable_folder == tmp_path


def test_a_source_url_loses_its_password(site):
    vcs = {"vcs": "git", "commit_id": "abc"}
    site.add("lib", metadata=direct_url(url="https://me:secret@example.org/lib.git", vcs_info=vcs))
    found = installed_here([str(site.folder)])["lib"]
    assert found.source_url == "git+https://example.org/lib.git@abc"


def test_half_removed_folders_are_passed_over(site):
    (site.folder / "gone-1.0.dist-info").mkdir()
    assert installed_here([str(site.folder)]) == {}


def test_the_first_on_the_path_wins(site, tmp_path):
    site.add("lib", "2.0")
    other = type(site)(tmp_path / "other")
    other.add("lib", "1.0")
    assert installed_here([str(site.folder), str(other.folder)])["lib"].version == "2.0"
