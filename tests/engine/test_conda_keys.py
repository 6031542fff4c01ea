"""What the conda keys of an executor definition come to."""

from __future__ import annotations

import pytest

from towline.engine.definitions import ExecutorDefinition
from towline.engine.environment_request import environment_request
from towline.errors import DefinitionError


def request_of(**keys: object):
    definition = ExecutorDefinition.model_validate({"cluster": "onprem", **keys})
    return environment_request("x", definition)


def test_install_conda_makes_the_environment_of_the_file() -> None:
    request = request_of(
        install_conda=True,
        local_conda_yaml="/w/environment.yml",
        conda_env="science",
        conda_dir="~/conda",
        virtual_packages=["__cuda=12"],
        env_transport="direct",
    )
    assert (request.kind, request.spec) == ("conda", "/w/environment.yml")
    assert (request.conda_env, request.conda_dir) == ("science", "~/conda")
    assert (request.virtual_packages, request.transport) == (("__cuda=12",), "direct")


def test_without_it_the_named_environment_is_used_and_the_file_does_not_count() -> None:
    request = request_of(conda_env="science", local_conda_yaml="/w/environment.yml")
    assert (request.kind, request.spec, request.conda_env) == ("existing", None, "science")


@pytest.mark.parametrize("name", ["environment.yml", "env.yaml"])
def test_a_yaml_file_as_the_spec_is_condas(name: str) -> None:
    assert request_of(env_spec=f"/w/{name}").kind == "conda"
    assert request_of(env_spec="/w/requirements.txt").kind == "uv"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"install_conda": True, "conda_env": "science"}, "is needed"),
        ({"env_spec": "/w/e.yml", "python": "/usr/bin/python3"}, "comes from its channels"),
        ({"env_spec": "/w/e.yml", "env_transport": "proxy"}, "pushed, or made there"),
        ({"env_spec": "/w/e.yml", "prefix": "~/envs/x"}, "kind existing"),
        ({"env_spec": "/w/e.yml", "packages": ["numpy"]}, "have a spec"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        request_of(**keys)
