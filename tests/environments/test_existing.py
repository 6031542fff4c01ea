"""Environments that are there already: activated, tried, never changed."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import parsl
import pytest

from towline.environments import EnvironmentRequest, preflight, realise
from towline.errors import EnvironmentMismatch, InterpreterMissing

HERE = str(Path(sys.executable).parent.parent)
"""The venv that the tests run in: it has Parsl."""


def existing(**keys):
    return EnvironmentRequest(kind="existing", **keys)


def tried(request, machine):
    environment = realise(request, machine, machine.facts(), cluster="onprem")
    return environment, preflight(environment, machine, cluster="onprem", executor="cpu")


@pytest.fixture
def fake_python(machine):
    """Return a maker of Pythons that give an answer of our choice to the probe."""

    def make(text, folder="env/bin"):
        path = machine.home / folder / "python"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ncat >/dev/null\n{text}\n")
        path.chmod(0o755)
        return path

    return make


def test_a_venv_with_parsl_passes_and_is_not_touched(machine):
    before = sorted(path.name for path in Path(HERE).iterdir())
    environment, report = tried(existing(prefix=HERE), machine)
    assert environment.python == f"{HERE}/bin/python"
    assert report.worker.parsl == parsl.__version__
    assert not report.remembered
    assert sorted(path.name for path in Path(HERE).iterdir()) == before
    assert machine.pushes == 0


def test_a_python_by_path_is_used_as_it_is(machine):
    environment, _ = tried(existing(python=sys.executable), machine)
    assert environment.python == sys.executable


def test_an_environment_without_parsl_is_refused_before_anything_is_submitted(machine):
    python = next(iter(machine.facts().pythons.values()))
    with pytest.raises(EnvironmentMismatch, match=r"has no Parsl.*Nothing was submitted") as raised:
        tried(existing(python=python), machine)
    assert raised.value.thing == "onprem/cpu"
    assert f"-m pip install parsl=={parsl.__version__}" in raised.value.next_step
    assert "kind: sync" in raised.value.next_step


def test_another_minor_is_refused_with_both_versions(machine, fake_python):
    fake_python('echo \'@@python={"version": "3.6.8", "implementation": "CPython"}\'')
    with pytest.raises(EnvironmentMismatch) as raised:
        tried(existing(prefix="~/env"), machine)
    assert "workers would run Python 3.6.8" in raised.value.cause
    assert platform.python_version() in raised.value.cause


def test_a_python_that_crashes_is_quoted(machine, fake_python):
    fake_python("echo 'symbol lookup error: libfoo' >&2; exit 127")
    with pytest.raises(EnvironmentMismatch, match=r"does not start: .*libfoo.*Nothing was"):
        tried(existing(prefix="~/env"), machine)


def test_a_folder_without_python_is_said(machine):
    with pytest.raises(InterpreterMissing, match=r"there is no \S*/nowhere/bin/python or "):
        tried(existing(prefix="~/nowhere"), machine)


def test_what_the_lines_of_a_job_bring_is_found(machine):
    """As after `module load python`: the first Python on the PATH that they leave."""
    bring = (f"export PATH={HERE}/bin:$PATH",)
    environment, report = tried(existing(init=bring), machine)
    assert environment.python == f"{HERE}/bin/python"
    assert report.worker.prefix == HERE


def test_a_conda_environment_by_name_is_activated_first(machine):
    profile = machine.home / "miniconda3/etc/profile.d"
    profile.mkdir(parents=True)
    (profile / "conda.sh").write_text(
        'conda() { [ "$1 $2" = "activate science" ] || { echo "EnvironmentNameNotFound: $2" >&2; '
        f"return 1; }}; export PATH={HERE}/bin:$PATH; }}\n"
    )
    environment, _ = tried(existing(conda_env="science"), machine)
    assert environment.python == f"{HERE}/bin/python"
    with pytest.raises(EnvironmentMismatch, match="EnvironmentNameNotFound: sciense") as raised:
        tried(existing(conda_env="sciense"), machine)
    assert raised.value.thing == "cluster onprem"


def test_a_missing_conda_is_said(machine):
    with pytest.raises(EnvironmentMismatch, match="/opt/none: there is no conda here"):
        tried(existing(conda_env="science", conda_dir="/opt/none"), machine)


def test_packages_that_are_not_there_are_warned_of(machine, fake_python):
    answer = (
        f'{{"version": "{platform.python_version()}", "implementation": "CPython", '
        f'"parsl": "{parsl.__version__}", "packages": {{"parsl": "1", "dill": "0.0.1"}}}}'
    )
    fake_python(f"echo '@@python={answer}'")
    _, report = tried(existing(prefix="~/env"), machine)
    assert any("dill is 0.0.1 there" in warning for warning in report.warnings)
    assert any("not there, but here:" in warning for warning in report.warnings)
