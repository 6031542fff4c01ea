"""What a ``workflow.yaml`` says."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from towline.clusters import LinedMapping, parse_mapping, read_mapping
from towline.errors import DefinitionError
from towline.workflows import complaints
from towline.workflows._spelling import InputName, InsidePath
from towline.workflows.consistency import inconsistencies
from towline.workflows.fields import FIELD_TYPES, AnyField, GroupField, InputField, Option

FILE = "workflow.yaml"
"""The file that makes a folder a workflow."""


MOST_BYTES = 256 << 10
MOST_VALUES = 20_000
"""Of a file; aliases can make a few lines into millions of values."""


class WorkflowDefinition(BaseModel):
    """A workflow: its form, what it runs, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Workflow")

    title: str = Field("", max_length=100, description="What it is called; its name when absent.")
    description: str = Field("", description="What it does, in a sentence or two.")
    thumbnail: InsidePath | None = Field(
        None, description="Picture (SVG, PNG, JPEG or WebP) in its folder."
    )
    tags: tuple[str, ...] = Field((), description="Words to find it by.")
    inputs: dict[InputName, AnyField] = Field(
        default_factory=dict, description="The fields of its form, by name."
    )
    executors: InsidePath | dict[str, dict[str, Any]] | None = Field(
        None,
        description="Executor definitions: a file in its folder, or the definitions by label. "
        "A value may be `{input: NAME}`: what the form was given.",
    )
    environment: dict[str, Any] | None = Field(
        None,
        description="Python environment that the script runs on, as under `WORKSPACE` of an "
        "executors file; Towline's own when absent.",
    )
    run: tuple[str, ...] = Field(
        min_length=1,
        description="The command, a word an item; no shell reads it. `python` is the "
        "environment's.",
    )
    arguments: bool = Field(
        True, description="Pass the inputs to the command as `--NAME VALUE` behind its words."
    )
    on: dict[str, Any] | None = Field(
        None,
        description="Run the command on a cluster, as one batch job: `{cluster: …, partition: …}`; "
        "on the workspace when absent. A value may be `{input: NAME}`.",
    )
    outputs: tuple[InsidePath, ...] = Field(
        (), description="Results: patterns of paths below its working folder, such as `*.png`."
    )
    presets: dict[InputName, dict[str, Any]] = Field(
        default_factory=dict, description="Named sets of inputs to start from."
    )

    @field_validator("run", mode="after")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if "\0" in word:
                raise ValueError("must not hold the character NUL")
        if not words[0] or words[0].startswith("-"):
            raise ValueError("must begin with a program")
        return words

    @field_validator("executors", mode="before")
    @classmethod
    def _one_of_two(cls, value: Any) -> Any:
        # Pydantic's words about a union are two complaints about one mistake.
        if value is None or isinstance(value, (str, dict)):
            return value
        raise ValueError("must be a file name, or a mapping of labels to definitions")

    @field_validator("outputs", mode="before")
    @classmethod
    def _a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def load_definition(folder: Path) -> WorkflowDefinition:
    """Read the ``workflow.yaml`` of a folder.

    Raises:
        DefinitionError: there is none, or something in it is wrong (with file and line).

    """
    path = folder / FILE
    with contextlib.suppress(OSError):  # `read_mapping` says what is wrong
        if path.stat().st_size > MOST_BYTES:
            raise DefinitionError(str(path), f"has more than {MOST_BYTES >> 10} KiB")
    return _validated(_not_too_deep(path, lambda: read_mapping(path)))


def parse_definition(text: str, path: Path | str = FILE) -> WorkflowDefinition:
    """Read the text of a ``workflow.yaml``; ``path`` only serves the messages.

    Raises:
        DefinitionError: something in it is wrong (with the line).

    """
    return _validated(_not_too_deep(path, lambda: parse_mapping(text, Path(path))))


def _not_too_deep(path: Path | str, read: Callable[[], LinedMapping]) -> LinedMapping:
    """Return a file that was read, unless it is made to be larger than it looks."""
    try:
        found = read()
    except RecursionError:
        raise DefinitionError(str(path), "is nested too deeply") from None
    if _is_more_than(found.values, MOST_VALUES):
        raise DefinitionError(
            str(path), f"has more than {MOST_VALUES} values, each alias counted as what it names"
        )
    return found


def _is_more_than(values: Any, most: int) -> bool:
    rest, count = [values], 0
    while rest:
        here = rest.pop()
        count += 1
        if count > most:
            return True
        if isinstance(here, Mapping):
            rest += here.values()
        elif isinstance(here, list):
            rest += here
    return False


def _validated(read: LinedMapping) -> WorkflowDefinition:
    values: dict[Any, Any] = dict(read.values)
    if True in values:  # YAML 1.1 reads the key `on` as a boolean
        values["on"] = values.pop(True)
        read = LinedMapping(read.path, values, read.lines)
    try:
        definition = WorkflowDefinition.model_validate(values)
    except ValidationError as error:
        raise complaints.definition_error(error, read, _known_keys(values)) from error
    if found := inconsistencies(definition):
        raise complaints.several(found, read)
    return definition


def _known_keys(values: Mapping[str, Any]) -> dict[complaints.Path, list[str]]:
    """Return the keys that each mapping of the file may have, for suggestions."""
    known: dict[complaints.Path, list[str]] = {(): _keys(WorkflowDefinition)}

    def visit(fields: Any, path: complaints.Path) -> None:
        for name, written in fields.items() if isinstance(fields, Mapping) else ():
            look(written, (*path, str(name)))

    def look(written: Any, path: complaints.Path) -> None:
        if not isinstance(written, Mapping):
            return
        known[path] = _keys(FIELD_TYPES.get(str(written.get("type", "string")), InputField))
        visit(written.get("inputs"), (*path, "inputs"))
        look(written.get("items"), (*path, "items"))
        options = written.get("options")
        for index in range(len(options) if isinstance(options, list) else 0):
            known[(*path, "options", index)] = _keys(Option)

    visit(values.get("inputs"), ("inputs",))
    return known


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def has_secrets(fields: Mapping[str, InputField]) -> bool:
    """Return whether a form asks for a secret anywhere."""
    return any(
        has_secrets(field.inputs) if isinstance(field, GroupField) else _is_secret(field)
        for field in fields.values()
    )


def _is_secret(field: InputField) -> bool:
    return getattr(field, "type", "") == "secret"


REFERENCE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")


def reference_in(value: Any) -> str | None:
    """Return NAME when a value is written ``{input: NAME}``, else None."""
    if isinstance(value, Mapping) and set(value) == {"input"} and isinstance(value["input"], str):
        return value["input"]
    return None
