"""How an image's Python is started, read from a recording stand-in for the runtime.

The stand-in writes down its arguments and variables and starts nothing. What real Apptainer makes
of them is tested in `test_container.py`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from towline.environments import EnvironmentRequest
from towline.environments.container import plan_container
from towline.environments.plan import Layer
from towline.environments.realise import realise
from towline.errors import (
    DefinitionError,
    EnvironmentBuildFailed,
    EnvironmentMismatch,
)

RECORDS = """\
#!/bin/sh
[ "$1" != --version ] || exit 0
printf '%s\\n' "$@" >"{folder}/arguments"
env >"{folder}/variables"
"""


@pytest.fixture
def start(machine, tmp_path: Path):
    """Return what starts a Python of an image with a stand-in runtime, and what it was told."""

    def make(*arguments: str, name: str = "apptainer", variables=(), **keys):
        runtime = tmp_path / f"bin/{name}"
        runtime.parent.mkdir(exist_ok=True)
        runtime.write_text(RECORDS.format(folder=tmp_path))
        runtime.chmod(0o755)
        image = tmp_path / "image.sif"
        image.touch()
        asked = {"runtime": str(runtime), "image": str(image), **keys}
        request = EnvironmentRequest.model_validate({"kind": "container", "container": asked})
        plan = plan_container(request, machine.facts(), "onprem")
        top = plan.layers[-1]
        assert isinstance(top, Layer)
        folder = tmp_path / "environment"
        folder.mkdir()
        top.fill(folder)
        (folder / "image-python").write_text("python3\n")
        done = subprocess.run(
            ["env", "-i", "PATH=/usr/bin:/bin", *variables, str(folder / "bin/python"), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        told = (tmp_path / "arguments").read_text() if (tmp_path / "arguments").exists() else ""
        seen = (tmp_path / "variables").read_text() if told else ""
        return done, told.splitlines(), set(seen.splitlines())

    return make


def test_arguments_arrive_as_they_are_behind_the_image(start, tmp_path):
    """Blanks, quotes and options of the Python are not touched."""
    _, told, _ = start("-c", "print('a  b')", "$HOME", "")
    assert told[:3] == ["-q", "exec", "--cleanenv"]
    end = [str(tmp_path / "image.sif"), "python3", "-c", "print('a  b')", "$HOME", ""]
    assert told[-len(end) :] == end
    assert "--nv" not in told and "--rocm" not in told


def test_binds_gpu_and_options_are_passed_on(start, tmp_path):
    (tmp_path / "in put").mkdir()
    options = ("--env", "A=it's 1", "--no-home")
    bind = f"{tmp_path}/in put:/data:ro"
    _, told, _ = start(binds=(bind,), gpu="rocm", options=options)
    assert told[told.index(bind) - 1] == "--bind"
    assert "--rocm" in told
    first = told.index("--env")
    assert told[first : first + 3] == list(options)


def test_in_a_block_the_runs_folder_and_the_apps_folder_are_bound(start, tmp_path):
    _, told, _ = start(variables=("TOWLINE_LOGS=/home/jdoe/.towline/runs/r1/logs/a",))
    assert "/home/jdoe/.towline/runs/r1" in told
    assert told[told.index("--pwd") + 1] == str(tmp_path)
    assert str(tmp_path) in told[told.index("--pwd") + 2 :]


@pytest.mark.parametrize(
    ("name", "prefix"), [("apptainer", "APPTAINERENV_"), ("singularity", "SINGULARITYENV_")]
)
def test_variables_of_the_job_get_through_and_no_others(start, name, prefix):
    variables = ("SLURM_JOB_ID=7", "CUDA_VISIBLE_DEVICES=0,1", "SECRET=1", "SLURM_X=a\nSLURM_Y=b")
    _, _, seen = start(name=name, variables=variables)
    through = {line for line in seen if line.startswith(prefix)}
    assert through == {
        f"{prefix}SLURM_JOB_ID=7",
        f"{prefix}CUDA_VISIBLE_DEVICES=0,1",
        f"{prefix}SLURM_X=a",
        f"{prefix}PYTHONNOUSERSITE=1",
        f"{prefix}PYTHONPATH=/opt/towline/own:/opt/towline/packages",
    }


def test_a_folder_with_a_colon_is_said_not_split(start, tmp_path):
    done, told, _ = start(variables=("TOWLINE_LOGS=/odd:folder/r1/logs/a",))
    assert done.returncode == 97 and told == []
    assert "a folder with : or , in its name" in done.stderr


def test_a_machine_without_a_runtime_is_said_before_anything_is_sent(bare, tmp_path):
    image = tmp_path / "image.sif"
    image.write_bytes(b"0" * 1000)
    request = EnvironmentRequest.model_validate(
        {"kind": "container", "container": {"image": f"file:{image}"}}
    )
    with pytest.raises(EnvironmentBuildFailed, match="neither apptainer nor singularity") as raised:
        realise(request, bare, bare.facts(), cluster="onprem")
    assert "modules" in raised.value.next_step
    assert bare.pushes == 0


def test_a_module_may_bring_the_runtime(bare, tmp_path):
    """The lines that load it run before it is looked for, in every step."""
    image = tmp_path / "image.sif"
    image.write_bytes(b"0" * 1000)
    tool = bare.inside("/opt/site/bin/apptainer")
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho 'FATAL: this is the stand-in of a module' >&2\nexit 255\n")
    tool.chmod(0o755)
    request = EnvironmentRequest.model_validate(
        {
            "kind": "container",
            "container": {"image": f"file:{image}"},
            "init": ["PATH=/opt/site/bin:$PATH"],
        }
    )
    with pytest.raises(EnvironmentBuildFailed, match="this is the stand-in of a module"):
        realise(request, bare, bare.facts(), cluster="onprem")


@pytest.mark.parametrize(
    ("python", "error"), [("workspace", DefinitionError), ("3.99", EnvironmentMismatch)]
)
def test_a_python_that_no_image_can_have_is_refused(machine, python, error):
    request = EnvironmentRequest.model_validate(
        {"kind": "container", "python": python, "container": {"image": "/a.sif"}}
    )
    with pytest.raises(error, match="an image"):
        plan_container(request, machine.facts(), "onprem")


def test_parsl_of_another_processor_is_refused(machine):
    request = EnvironmentRequest.model_validate(
        {"kind": "container", "container": {"image": "/a.sif"}}
    )
    with pytest.raises(EnvironmentMismatch, match="compiled for"):
        realise(request, machine, machine.facts(arch="riscv64"), cluster="onprem")
