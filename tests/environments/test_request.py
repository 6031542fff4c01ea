"""What may be asked of an environment."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from towline.environments import EnvironmentRequest


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"prefix": "/opt/env"}, "they need kind existing"),
        ({"kind": "existing"}, "needs prefix, conda_env, python, modules or init"),
        ({"kind": "existing", "prefix": "/a", "conda_env": "b"}, "two environments"),
        ({"kind": "existing", "prefix": "/a", "exclude": ("b",)}, "choose what kind sync copies"),
        ({"kind": "existing", "prefix": "envs/mine"}, "is not a path on the cluster"),
        ({"python": "python3"}, "neither a path, nor a version such as 3.11"),
        ({"modules": ("gcc/12'",)}, "is no module: no closing quotation"),
        ({"packges": ("numpy",)}, "Extra inputs are not permitted"),
        ({"kind": "venv"}, "Input should be 'sync', 'existing'"),
    ],
)
def test_contradictions_and_unknown_keys_are_refused(request_, said):
    with pytest.raises(ValidationError, match=said):
        EnvironmentRequest(**request_)


def test_a_request_can_be_a_key():
    """The engine realises equal requests once."""
    assert len({EnvironmentRequest(python="3.11"), EnvironmentRequest(python="3.11")}) == 1
