"""The lines that a worker's job runs before its worker, run by a real shell."""

from __future__ import annotations

import subprocess

import pytest

from towline.environments import activation


def sh(lines: str, shell: str = "sh", **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run([shell, "-c", lines], capture_output=True, text=True, env=clean)


@pytest.fixture(params=["sh", "bash"])
def shell(request):
    return request.param


def test_a_prefix_comes_first_and_strays_are_gone(shell):
    lines = activation.of_prefix("/envs/with space/e'1")
    show = 'echo "$PATH|${PYTHONPATH-unset}|${PYTHONHOME-unset}|$PYTHONNOUSERSITE"'
    answer = sh(lines + show, shell, PYTHONPATH="/stray", PYTHONHOME="/stray")
    assert answer.stdout == "/envs/with space/e'1/bin:/usr/bin:/bin|unset|unset|1\n"


def test_modules_are_loaded_by_the_sites_own_function(shell, tmp_path):
    """A job's shell reads no profile, so the function is looked for where sites define it."""
    (tmp_path / "init").mkdir()
    (tmp_path / "init/sh").write_text('module() { echo "module:$*"; }\n')
    lines = activation.site_lines(["gcc/12", "module use '/opt/my mods'"], ["echo own"])
    answer = sh(lines, shell, MODULESHOME=str(tmp_path))
    assert answer.stdout.splitlines() == ["module:load gcc/12", "module:use /opt/my mods", "own"]


def test_a_modules_name_cannot_run_commands(shell, tmp_path):
    (tmp_path / "init").mkdir()
    (tmp_path / "init/sh").write_text('module() { echo "module:$*"; }\n')
    answer = sh(activation.site_lines(["'$(id)'"], []), shell, MODULESHOME=str(tmp_path))
    assert answer.stdout == "module:load $(id)\n"


def test_a_conda_environment_is_activated_by_condas_own_script(shell, tmp_path):
    profile = tmp_path / "etc/profile.d"
    profile.mkdir(parents=True)
    (profile / "conda.sh").write_text('conda() { echo "conda:$*"; }\n')
    answer = sh(activation.of_conda(str(tmp_path), "my env"), shell)
    assert answer.stdout == "conda:activate my env\n"


def test_a_missing_conda_ends_the_job_in_words(shell, tmp_path):
    answer = sh(activation.of_conda(str(tmp_path / "none"), "env") + "echo went on", shell)
    assert (answer.returncode, answer.stdout) == (97, "")
    assert f"towline: {tmp_path}/none: there is no conda here" in answer.stderr
