"""The keys of containers in executor definitions, ours and the talk's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from towline.engine.definitions import load_executors
from towline.engine.environment_request import environment_request
from towline.environments.container_request import ContainerRequest
from towline.errors import DefinitionError


def asked(folder: Path, **keys: Any) -> ContainerRequest:
    file = load_executors({"a": {"cluster": "onprem", **keys}}, folder=folder)
    request = environment_request("a", file.executors["a"])
    assert request.kind == "container" and request.container is not None
    return request.container


@pytest.mark.parametrize(
    ("written", "image"),
    [
        ("work.sif", "file:/here/work.sif"),
        ("./images/work.sif", "file:/here/./images/work.sif"),
        ("file:/images/work.sif", "file:/images/work.sif"),
        ("/images/work.sif", "/images/work.sif"),
        ("~/work.sif", "~/work.sif"),
        ("docker://python:3.11-slim", "docker://python:3.11-slim"),
    ],
)
def test_where_an_image_is_shows_in_how_it_is_written(written: str, image: str) -> None:
    container = asked(Path("/here"), CONTAINER_IMAGE=written)
    assert Path(str(container.image)) == Path(image)


def test_an_image_or_a_definition_may_stand_in_env_spec(tmp_path: Path) -> None:
    assert asked(tmp_path, env_spec="work.def").definition == f"{tmp_path}/work.def"
    assert asked(tmp_path, env_spec="work.sif").image == f"file:{tmp_path}/work.sif"


def test_binds_and_options_may_be_text_or_a_list(tmp_path: Path) -> None:
    keys = {"container_image": "/a.sif", "container_options": "--env 'A=it is' --no-home"}
    container = asked(tmp_path, **keys, container_binds="/a:/b, ~/c")
    assert container.options == ("--env", "A=it is", "--no-home")
    assert container.binds == ("/a:/b", "~/c")


def test_the_talks_keys_build_the_definition_or_use_the_image(tmp_path: Path) -> None:
    keys = {"LOCAL_SINGULARITY_FILE": "work.def", "SINGULARITY_CONTAINER_PATH": "~/work.sif"}
    made = asked(tmp_path, **keys, CREATE_SINGULARITY_CONTAINER="true")
    assert (made.definition, made.image) == (f"{tmp_path}/work.def", None)
    used = asked(tmp_path, **keys, CREATE_SINGULARITY_CONTAINER="false")
    assert (used.definition, used.image) == (None, "~/work.sif")


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"container_image": "/a.sif", "container_def": "a.def"}, "container_image", "name two"),
        ({"container_image": "/a", "container_binds": "b"}, "container_binds", "with paths on the"),
        (
            {"container_image": "/a", "container_options": "--env A=1\n--fakeroot"},
            "container_options",
            "must be one line",
        ),
        ({"container_image": "/a", "container_options": ["a"]}, "container_options", "no option"),
        ({"container_image": "/a", "prefix": "/b"}, "environment", "need kind existing"),
        ({"environment": "container"}, "container", "either an image or a definition"),
        (
            {"container_image": "/a", "create_singularity_container": "true"},
            "create_singularity_container",
            "no container_def",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(
    tmp_path: Path, keys: dict[str, Any], key: str, words: str
) -> None:
    with pytest.raises(DefinitionError) as raised:
        asked(tmp_path, **keys)
    assert raised.value.thing.endswith(f"a.{key}")
    assert words in raised.value.cause
