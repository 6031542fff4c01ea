"""The cluster as conda's solver sees it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from towline.environments.conda.platforms import subdir_of, virtual_packages
from towline.errors import DefinitionError, EnvironmentMismatch


def facts(**other):
    known = {"system": "Linux", "arch": "x86_64", "glibc": "2.28", "kernel": "4.18.0-553.el8"}
    return SimpleNamespace(**(known | other))


def test_the_facts_become_virtual_packages():
    found = virtual_packages(facts(microarch="x86_64_v3", cuda="12.4"), ())
    assert found == (
        ("__archspec", "1", "x86_64_v3"),
        ("__cuda", "12.4", "0"),
        ("__glibc", "2.28", "0"),
        ("__linux", "4.18.0", "0"),
        ("__unix", "0", "0"),
    )


def test_what_nodes_have_beats_what_the_controller_has():
    found = {
        name: (version, build)
        for name, version, build in virtual_packages(
            facts(cuda="11.8"), ("__glibc=2.17", "__archspec=1=zen2", "__cuda")
        )
    }
    assert found["__glibc"] == ("2.17", "0")
    assert found["__archspec"] == ("1", "zen2")
    assert "__cuda" not in found


def test_an_override_that_is_none_is_refused():
    with pytest.raises(DefinitionError, match="is no virtual package"):
        virtual_packages(facts(), ("cuda=12",))


def test_the_platform_is_the_clusters():
    assert subdir_of(facts(), "onprem") == "linux-64"
    assert subdir_of(facts(arch="aarch64"), "onprem") == "linux-aarch64"


@pytest.mark.parametrize("other", [{"arch": "mips"}, {"glibc": ""}, {"system": "FreeBSD"}])
def test_a_platform_without_packages_is_refused(other):
    with pytest.raises(EnvironmentMismatch, match="there are no conda packages for"):
        subdir_of(facts(**other), "onprem")
