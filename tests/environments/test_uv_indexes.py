"""What the user has said to pip about indexes, uv is told; what is said to uv itself wins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from towline.environments.uv.indexes import index_settings


@pytest.fixture
def environment(tmp_path):
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


def pip_conf(folder, text):
    path = folder / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_an_index_of_pip_is_one_of_uv(tmp_path, environment):
    pip_conf(tmp_path, "[global]\nindex-url = https://u:p@in.site/simple\ncert = /etc/site.pem\n")
    found = index_settings(environment)
    assert found["UV_DEFAULT_INDEX"] == "https://u:p@in.site/simple"
    assert found["SSL_CERT_FILE"] == "/etc/site.pem"


def test_variables_of_pip_win_over_its_files(tmp_path, environment):
    pip_conf(tmp_path, "[install]\nindex_url = https://file/simple\n")
    environment["PIP_INDEX_URL"] = "https://variable/simple"
    assert index_settings(environment)["UV_DEFAULT_INDEX"] == "https://variable/simple"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_is_said_to_uv_wins(environment, name):
    environment |= {"PIP_INDEX_URL": "https://pip/simple", name: "https://uv/simple"}
    assert "UV_DEFAULT_INDEX" not in index_settings(environment)


def test_folders_that_are_not_there_are_passed_over_as_pip_does(tmp_path, environment):
    environment["PIP_FIND_LINKS"] = f"{tmp_path} {tmp_path}/absent https://host/links"
    environment["PIP_EXTRA_INDEX_URL"] = f"file://{tmp_path}/absent https://more/simple"
    found = index_settings(environment)
    assert found["UV_FIND_LINKS"] == f"{tmp_path},https://host/links"
    assert found["UV_INDEX"] == "https://more/simple"


def test_settings_that_are_switched_off_count_for_nothing(tmp_path, environment):
    pip_conf(tmp_path, "[global]\nindex-url = https://in.site/simple\n")
    environment["PIP_CONFIG_FILE"] = os.devnull
    assert index_settings(environment) == {}


def test_a_broken_file_of_pip_stops_nothing(tmp_path, environment):
    pip_conf(tmp_path, "index-url = nobody's section\n")
    assert "UV_DEFAULT_INDEX" not in index_settings(environment)


def test_pip_itself_reads_the_same(tmp_path, environment):
    """The files and their order are pip's own; it is asked, where it is installed."""
    pip_conf(tmp_path, "[global]\nindex-url = https://in.site/simple\n")
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True)
    if told.returncode:
        pytest.skip("pip is not installed here: python -m ensurepip")
    assert "global.index-url='https://in.site/simple'" in told.stdout
    assert index_settings(environment)["UV_DEFAULT_INDEX"] == "https://in.site/simple"
