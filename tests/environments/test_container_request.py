"""What may be asked of a container; the rest is refused before anything happens."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from towline.environments import EnvironmentRequest
from towline.environments.container_request import ContainerRequest


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "either an image or a definition file"),
        ({"image": "/a.sif", "definition": "/a.def"}, "either an image or a definition file"),
        ({"image": "a.sif"}, "is no image"),
        ({"image": "http://example.org/a.sif"}, "is no image"),
        ({"image": "docker://me:secret@example.org/a"}, "a password does not belong"),
        ({"image": "/a.sif", "runtime": "docker"}, "neither auto"),
        ({"image": "/a.sif", "gpu": "cuda"}, "'none', 'nv' or 'rocm'"),
        ({"image": "/a.sif", "binds": ["data:/data"]}, "with paths on the cluster"),
        ({"image": "/a.sif", "binds": ["/a:/b,/c:/d"]}, "with paths on the cluster"),
        ({"image": "/a.sif", "binds": ["/a:/b:exec"]}, "with paths on the cluster"),
        ({"image": "/a.sif", "options": ["--env", "A=1\nB=2"]}, "must be one line"),
        ({"image": "/a.sif", "options": ["python3"]}, "does not begin with -"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        ContainerRequest.model_validate(keys)


def test_only_a_container_has_an_image_and_it_needs_one():
    for keys in ({"kind": "container"}, {"kind": "sync", "container": {"image": "/a.sif"}}):
        with pytest.raises(ValidationError, match="kind container needs an image"):
            EnvironmentRequest.model_validate(keys)
