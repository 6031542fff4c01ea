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
    kind = _kind(wanted)
    if kind == "conda":
        wanted = _with_conda_spec(label, wanted)
    if wanted.env_spec is None and wanted.env_transport in ("proxy", "direct"):
        raise DefinitionError(
            f"{label}.env_transport",
            f"{wanted.env_transport} is for an environment that is made from env_spec",
        )
    keys: dict[str, object] = {
        "kind": kind,
        "python": wanted.python,
        "modules": wanted.modules,
        "root": wanted.env_root,
    }
    if kind in ("existing", "conda"):
        keys |= {"conda_dir": wanted.conda_dir}
    if kind != "existing":
        keys |= {"packages": wanted.packages, "exclude": wanted.exclude}
        keys |= {"include": wanted.include}
    if kind == "existing" or wanted.conda_env or wanted.prefix:
        keys |= {"conda_env": wanted.conda_env, "prefix": wanted.prefix}
    if kind == "conda":
        keys |= {"virtual_packages": wanted.virtual_packages}
    if kind == "container":
        keys |= {"container": _container(label, wanted)}
    elif wanted.env_spec is not None:
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
        key = ".".join(map(str, first["loc"])) or "environment"
        raise DefinitionError(
            f"{label}.{_CONTAINER_KEYS.get(key, key)}",
            first["msg"].removeprefix("Value error, "),
        ) from error


_CONTAINER_KEYS = {
    "container.definition": "container_def",
    **{f"container.{key}": f"container_{key}" for key in ("image", "runtime", "gpu")},
    **{f"container.{key}": f"container_{key}" for key in ("binds", "options")},
}
"""Key of the request -> key of the definition."""


def _container(label: str, wanted: ExecutorDefinition) -> dict[str, object]:
    """Return what is asked of the container, with one source of its image."""
    image, definition = wanted.container_image, wanted.container_def
    spec = wanted.env_spec
    if spec is not None and image is None and definition is None:
        image, definition = (None, spec) if spec.endswith(".def") else (f"file:{spec}", None)
    create = wanted.create_singularity_container
    if create and definition is None:
        raise DefinitionError(
            f"{label}.create_singularity_container", "there is no container_def to create it from"
        )
    if image is not None and definition is not None:
        if create is None:
            raise DefinitionError(
                f"{label}.container_image",
                "container_image and container_def name two images: give one",
            )
        image, definition = (None, definition) if create else (image, None)
    return {
        "image": image,
        "definition": definition,
        "runtime": wanted.container_runtime,
        "binds": wanted.container_binds,
        "gpu": wanted.container_gpu,
        "options": wanted.container_options,
    }


def _with_conda_spec(label: str, wanted: ExecutorDefinition) -> ExecutorDefinition:
    """Return the definition with one name for its environment.yml."""
    if wanted.env_spec is None and wanted.local_conda_yaml is None:
        raise DefinitionError(
            f"{label}.local_conda_yaml",
            "is needed: a conda environment is made from an environment.yml",
            "set local_conda_yaml to its path, or leave install_conda out to use an environment "
            "that is there",
        )
    return wanted.model_copy(update={"env_spec": wanted.env_spec or wanted.local_conda_yaml})


def _kind(wanted: ExecutorDefinition) -> str:
    if wanted.environment not in (None, "auto"):
        return str(wanted.environment)
    if wanted.container_image or wanted.container_def:
        return "container"
    if wanted.install_conda:
        return "conda"
    if wanted.env_spec is not None and wanted.env_spec.endswith((".def", ".sif")):
        return "container"
    if wanted.env_spec is not None:
        return "conda" if wanted.env_spec.endswith((".yml", ".yaml")) else "uv"
    names_one = bool(wanted.prefix or wanted.conda_env or wanted.modules)
    return "existing" if names_one else "sync"
