"""One wheel is chosen for each package, by the cluster's tags; the lock of it holds no secret."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from towline.environments.interpreter import Workspace
from towline.environments.uv.pylock import Folder, Wheel, read_pylock, render_pylock
from towline.environments.uv.target import Target, target_of
from towline.errors import EnvironmentBuildFailed, EnvironmentMismatch

CLUSTER = Target("3.11.7", "x86_64", (2, 34))
SHA = "a" * 64


def entry(name: str, *wheels: str, more: str = "") -> str:
    listed = ", ".join(
        f'{{ url = "https://host/{wheel}", hashes = {{ sha256 = "{SHA}" }} }}' for wheel in wheels
    )
    return f'[[packages]]\nname = "{name}"\nversion = "1.0"\nwheels = [{listed}]\n{more}\n'


def read(text: str, tmp_path, target: Target = CLUSTER):
    return read_pylock(text, target, tmp_path, "requirements.txt")


@pytest.mark.parametrize(
    ("glibc", "chosen"),
    [
        ((2, 36), "a-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"),
        ((2, 34), "a-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"),
        ((2, 31), "a-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        ((2, 17), "a-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
    ],
)
def test_the_best_wheel_that_runs_on_the_clusters_c_library_is_taken(tmp_path, glibc, chosen):
    text = entry(
        "a",
        "a-1.0-py3-none-any.whl",
        "a-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "a-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_34_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
    )
    (wheel,) = read(text, tmp_path, Target("3.11.7", "x86_64", glibc))
    assert wheel.url == f"https://host/{chosen}"


@pytest.mark.parametrize(
    "wheel",
    [
        "a-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_35_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
        "a-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "a-1.0-cp311-cp311-macosx_11_0_arm64.whl",
    ],
)
def test_a_package_whose_wheels_are_for_others_is_named(tmp_path, wheel):
    with pytest.raises(EnvironmentBuildFailed) as raised:
        read(entry("a", wheel), tmp_path)
    assert "a 1.0 has no wheel for Python 3.11 on x86_64 with glibc 2.34" in raised.value.cause
    assert "Nothing was submitted" in raised.value.cause


def test_a_package_that_is_source_only_is_named(tmp_path):
    text = '[[packages]]\nname = "a"\nversion = "1"\nsdist = { url = "https://host/a-1.tar.gz" }\n'
    with pytest.raises(EnvironmentBuildFailed, match="there is only source"):
        read(text, tmp_path)


def test_a_package_from_version_control_is_named(tmp_path):
    with pytest.raises(EnvironmentBuildFailed, match="from version control"):
        read('[[packages]]\nname = "a"\nvcs = { type = "git", url = "https://h/a" }\n', tmp_path)


def test_packages_for_other_platforms_are_passed_over(tmp_path):
    text = entry("a", "a-1.0-py3-none-any.whl", more="marker = \"sys_platform == 'win32'\"")
    text += entry("b", "b-1.0-py3-none-any.whl", more="marker = \"python_version < '3.12'\"")
    assert [package.name for package in read(text, tmp_path)] == ["b"]


def test_what_is_written_is_read_back(tmp_path):
    packages = [
        Wheel("a", "1.0", "https://host/a-1.0-py3-none-any.whl", SHA, 12),
        Wheel("b", "1.0", (tmp_path / "b-1.0-py3-none-any.whl").as_uri(), SHA),
        Folder("c", tmp_path / "c"),
    ]
    assert read(render_pylock(packages), tmp_path) == packages


def test_no_password_gets_into_a_wheels_address(tmp_path):
    text = entry("a", "a-1.0-py3-none-any.whl").replace("https://", "https://me:hunter2@")
    text = text.replace(".whl", ".whl?token=hunter2")
    (wheel,) = read(text, tmp_path)
    assert wheel.url == "https://host/a-1.0-py3-none-any.whl"


def test_a_wheel_beside_the_lock_is_hashed_where_the_lock_says_no_hash(tmp_path):
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"")
    text = '[[packages]]\nname = "a"\nversion = "1.0"\n'
    text += 'wheels = [{ path = "a-1.0-py3-none-any.whl" }]\n'
    (wheel,) = read(text, tmp_path)
    assert wheel.sha256.startswith("e3b0c442")


def facts(**other: object) -> SimpleNamespace:
    return SimpleNamespace(**({"system": "Linux", "arch": "x86_64", "glibc": "2.34"} | other))


HERE = Workspace("3.11.7", "CPython", "Linux", "x86_64", "2.36")


@pytest.mark.parametrize(
    ("glibc", "name"), [("2.36", "2_36"), ("2.50", "2_40"), ("2.30", "2_28"), ("2.17", "2_17")]
)
def test_uv_is_told_the_newest_platform_that_the_cluster_has(glibc, name):
    assert target_of(HERE, facts(glibc=glibc), "c").uv_platform == f"x86_64-manylinux_{name}"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"arch": "ppc64le"}, "Linux ppc64le; kind uv knows wheels for Linux on x86_64"),
        ({"system": "Darwin"}, "is Darwin"),
        ({"glibc": ""}, "C library other than glibc"),
        ({"glibc": "2.12"}, "has glibc 2.12, older"),
    ],
)
def test_a_cluster_without_wheels_is_said_before_anything_is_fetched(other, words):
    with pytest.raises(EnvironmentMismatch, match=words):
        target_of(HERE, facts(**other), "c")
