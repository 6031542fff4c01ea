"""Whether compiled files can run on a C library."""

from __future__ import annotations

import pytest

from towline.environments.compatibility import (
    glibc_by_symbols,
    glibc_by_tags,
    is_compiled,
    version_of,
)


@pytest.mark.parametrize(
    ("tags", "needed"),
    [
        (["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_26_x86_64"], (2, 26)),
        (["cp36-abi3-manylinux2014_x86_64"], (2, 17)),
        (["cp36-abi3-manylinux1_x86_64"], (2, 5)),
        (["cp311-cp311-linux_x86_64"], None),
        (["py3-none-any"], None),
        ([], None),
    ],
)
def test_a_wheels_tags_say_which_glibc_it_needs(tags, needed):
    """The oldest of several tags counts; a wheel built here has no such tag."""
    assert glibc_by_tags(tags) == needed


def test_symbols_say_it_where_tags_do_not(tmp_path):
    (tmp_path / "a.so").write_bytes(b"\x00GLIBC_2.4\x00GLIBC_2.34\x00GLIBC_PRIVATE\x00")
    (tmp_path / "b.so").write_bytes(b"\x00GLIBC_2.17\x00")
    assert glibc_by_symbols(tmp_path.iterdir()) == (2, 34)


def test_versions_compare_as_numbers():
    assert version_of("2.9") < version_of("2.36") < version_of("3.0")


@pytest.mark.parametrize("name", ["a/b.cpython-311-x86_64-linux-gnu.so", "lib/libz.so.1.2"])
def test_compiled_files_are_known_by_their_names(name):
    assert is_compiled(name)
    assert not is_compiled(name.replace(".so", ".py"))
