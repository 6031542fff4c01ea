"""What an executor definition asks of its Python environment."""

from __future__ import annotations

from pydantic import ValidationError

from towline.engine.definitions import ExecutorDefinition
from towline.environments import EnvironmentRequest
from towline.errors import DefinitionError


def environment_request(label: str, wanted: ExecutorDefinition) -> EnvironmentRequest:
    """Return the request; ``existing`` when the definition names something that exists.

    Raises:
        DefinitionError: the keys contradict each other, or ask for a kind that is not there yet.

    """
    if wanted.install_conda:
        raise DefinitionError(
            f"{label}.install_conda",
            "this version of Towline does not build conda environments",
            "leave install_conda out to copy the workspace's packages, or name an existing "
            "environment with conda_env",
        )
    kind = _kind(wanted)
    keys: dict[str, object] = {
        "kind": kind,
        "python": wanted.python,
        "modules": wanted.modules,
        "root": wanted.env_root,
    }
    if kind == "existing":
        keys |= {"conda_dir": wanted.conda_dir}
    else:
        keys |= {"packages": wanted.packages, "exclude": wanted.exclude}
        keys |= {"include": wanted.include}
    if kind == "existing" or wanted.conda_env or wanted.prefix:
        keys |= {"conda_env": wanted.conda_env, "prefix": wanted.prefix}
    if wanted.env_spec is not None:
        keys |= {
            "spec": wanted.env_spec,
            "update": wanted.env_update,
            "transport": wanted.env_transport,
            "parsl": wanted.env_parsl,
        }
    try:
        return EnvironmentRequest.model_validate(keys)
    except ValidationError as error:
        first = error.errors()[0]
        raise DefinitionError(
            f"{label}.{'.'.join(map(str, first['loc'])) or 'environment'}",
            first["msg"].removeprefix("Value error, "),
        ) from error


def _kind(wanted: ExecutorDefinition) -> str:
    if wanted.environment not in (None, "auto"):
        return str(wanted.environment)
    if wanted.env_spec is not None:
        return "uv"
    names_one = bool(wanted.prefix or wanted.conda_env or wanted.modules)
    return "existing" if names_one else "sync"
