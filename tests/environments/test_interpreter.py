"""Which Python an environment stands on."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from towline.environments import EnvironmentRequest
from towline.environments.interpreter import Workspace, choose
from towline.errors import EnvironmentMismatch, InterpreterMissing

HERE = Workspace("3.11.7", "CPython", "Linux", "x86_64", "2.36")


def cluster(**other):
    known = {"system": "Linux", "arch": "x86_64", "glibc": "2.28", "home": "/home/me"}
    return SimpleNamespace(**({**known, "pythons": {}} | other))


def chosen(facts, workspace=HERE, **request):
    return choose(EnvironmentRequest(**request), facts, workspace, "onprem")


def test_a_python_of_the_same_minor_is_used_whatever_its_patch():
    facts = cluster(pythons={"3.6.8": "/usr/bin/python3", "3.11.2": "/opt/bin/python3.11"})
    assert chosen(facts).path == "/opt/bin/python3.11"


def test_without_one_the_workspaces_own_is_sent():
    assert chosen(cluster(pythons={"3.12.1": "/usr/bin/python3"})).sent


def test_the_workspaces_own_is_sent_when_asked_for_although_there_is_one():
    facts = cluster(pythons={"3.11.2": "/usr/bin/python3"})
    assert chosen(facts, python="workspace").sent


def test_a_path_is_taken_at_its_word():
    assert chosen(cluster(), python="~/py/bin/python3").path == "/home/me/py/bin/python3"


def test_another_minor_than_the_scripts_is_refused():
    with pytest.raises(EnvironmentMismatch, match=r"python 3\.12 is asked for.*3\.11\.7") as raised:
        chosen(cluster(), python="3.12")
    assert "set python: 3.11" in raised.value.next_step


@pytest.mark.parametrize(
    ("facts", "workspace", "obstacle"),
    [
        ({"arch": "aarch64"}, HERE, "the workspace is Linux x86_64, the cluster Linux aarch64"),
        ({"glibc": ""}, HERE, "the cluster's C library is not glibc"),
        (
            {},
            Workspace("3.11.7", "CPython", "Darwin", "arm64", ""),
            "the workspace is Darwin arm64",
        ),
        ({}, replace(HERE, glibc=""), "the workspace's C library is not glibc"),
    ],
)
def test_where_none_can_be_had_it_says_what_was_found_and_why(facts, workspace, obstacle):
    facts = cluster(pythons={"3.6.8": "/usr/bin/python3"}, **facts)
    with pytest.raises(InterpreterMissing) as raised:
        chosen(facts, workspace)
    assert "no Python 3.11" in raised.value.cause
    assert "found: 3.6.8" in raised.value.cause
    assert obstacle in raised.value.cause
    assert "start the script with Python 3.6" in raised.value.next_step
