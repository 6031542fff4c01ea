"""The script's Python and Parsl in an environment that does not name them, or names others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from towline.environments.conda.environment_file import read_environment_file
from towline.environments.conda.needs import wanted, without_injected_parsl
from towline.errors import DefinitionError, EnvironmentMismatch

PARSL = "2026.10.26"


@pytest.fixture
def need(tmp_path):
    def of(*packages, pip=(), policy="inject"):
        lines = ["dependencies:", *(f"  - {package}" for package in packages)]
        lines += ["  - pip:", *(f"    - {line}" for line in pip)] if pip else []
        path = tmp_path / "environment.yml"
        path.write_text("\n".join(lines) + "\n")
        file = read_environment_file(path)
        return wanted(file, python="3.11.7", parsl=PARSL, policy=policy, cluster="onprem")

    return of


def test_what_is_not_named_is_added_and_said(need):
    found = need("numpy")
    assert found.packages == ("numpy", "python 3.11.*", f"parsl =={PARSL}")
    assert found.injected
    first, second = found.notes
    assert first.endswith("does not pin python: 3.11 is taken, as the script runs on it")
    assert second.endswith(f"does not name parsl: {PARSL} is added, as the script has it")


def test_what_is_pinned_alike_is_taken_without_a_word(need):
    found = need("python=3.11", f"parsl=={PARSL}")
    assert not found.notes
    assert not found.injected


@pytest.mark.parametrize("python", ["python=3.11", "python 3.11.*", "python>=3.10", "python<3.12"])
def test_any_pin_that_admits_the_scripts_python_is_narrowed_to_it(need, python):
    assert "python 3.11.*" in need(python).packages


@pytest.mark.parametrize("python", ["python=3.12", "python>=3.12", "conda-forge::python 3.9.*"])
def test_another_python_is_said_with_both_versions_and_the_line(need, tmp_path, python):
    with pytest.raises(EnvironmentMismatch) as raised:
        need("numpy", python)
    said = str(raised.value)
    assert f"{tmp_path}/environment.yml:3 ({python})" in said
    assert "this script runs 3.11.7" in said
    assert "cannot cross minor versions" in said
    assert "Nothing was submitted." in said
    assert f"set python=3.11 in {tmp_path}/environment.yml:3" in said


@pytest.mark.parametrize(
    "keys", [{"packages": ("parsl=2025.1.13",)}, {"packages": ("x",), "pip": ("parsl==2025.1.13",)}]
)
def test_another_parsl_is_said_with_both_versions_and_the_file(need, tmp_path, keys):
    with pytest.raises(EnvironmentMismatch) as raised:
        need(*keys["packages"], pip=keys.get("pip", ()))
    said = str(raised.value)
    assert f"{tmp_path}/environment.yml:" in said
    assert "Parsl 2025.1.13" in said
    assert f"this script runs Parsl {PARSL}" in said
    assert "Nothing was submitted." in said


def test_parsl_under_pip_stays_there_with_its_extras(need):
    found = need("x", pip=("parsl[monitoring]>=2024",))
    assert [line.text for line in found.pip.lines] == [f"parsl[monitoring]=={PARSL}"]
    assert not any("parsl" in package for package in found.packages)


@pytest.mark.parametrize("loose", ["parsl", "parsl>=2024"])
def test_required_means_pinned(need, loose):
    with pytest.raises(DefinitionError, match="does not pin parsl"):
        need(loose, policy="require")
    assert need(f"parsl=={PARSL}", policy="require")
    assert need("x", pip=(f"parsl=={PARSL}",), policy="require")


def test_ignored_means_untouched(need):
    assert need("parsl=2025.1.13", policy="ignore").packages == ("parsl=2025.1.13", "python 3.11.*")


def test_pip_brings_the_parsl_that_no_channel_has(need):
    found = without_injected_parsl(need("numpy"), PARSL)
    assert found.packages == ("numpy", "python 3.11.*")
    assert [line.text for line in found.pip.lines] == [f"parsl=={PARSL}"]
    assert "pip brings it" in found.notes[-1]


def test_no_package_is_said_in_the_parsers_words(need, tmp_path):
    with pytest.raises(DefinitionError, match="unable to parse version spec") as raised:
        need("numpy>=")
    assert raised.value.thing == f"{tmp_path}/environment.yml:2"


def test_a_requirement_by_address_is_left_to_the_preflight(need):
    found = need("x", pip=("parsl @ git+https://github.com/Parsl/parsl.git",))
    assert found.pip.lines[0].requirement.url
    assert replace(found.pip.lines[0], text="x").text == "x"
