"""The kinds of field that a workflow's form can have, as ``workflow.yaml`` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
)

from towline.workflows._spelling import InputName, OptionValue, Pattern


class InputField(BaseModel):
    """What every field has, whatever its type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field("", description="What the form calls it; its name when absent.")
    help: str = Field("", description="A sentence shown beside the field.")
    default: Any = Field(
        None, description="Its value when none is given; the field is then not required."
    )
    required: bool | None = Field(
        None, description="A value must be given. Default: `true`, unless there is a default."
    )
    show_if: dict[str, Any] = Field(
        default_factory=dict,
        alias="show-if",
        description="Field above: value or list of values. Otherwise the field is neither shown, "
        "nor required, nor passed to the script.",
    )
    advanced: bool = Field(False, description="Shown only when a person asks for more.")
    hidden: bool = Field(False, description="Never shown; its default is passed to the script.")
    argument: str | Literal[False] | None = Field(
        None,
        description="The script's option for it, in place of `--NAME`; `false`: the script reads "
        "it with `towline.inputs()` only.",
    )

    @field_validator("argument", mode="after")
    @classmethod
    def _one_option(cls, argument: str | Literal[False] | None) -> str | Literal[False] | None:
        if isinstance(argument, str) and not re.fullmatch(r"--?[A-Za-z0-9_][\w.-]*", argument):
            raise ValueError("must be an option such as --size, or false")
        return argument

    @property
    def needed(self) -> bool:
        """Whether a value must be given where the field is shown."""
        return self.default is None if self.required is None else self.required


class _Text(InputField):
    placeholder: str = Field("", description="Shown in the empty field.")
    min_length: int | None = Field(None, ge=0, alias="min-length", description="Characters.")
    max_length: int | None = Field(None, ge=1, alias="max-length", description="Characters.")


class StringField(_Text):
    """One line of text."""

    type: Literal["string"] = "string"
    pattern: Pattern | None = Field(
        None, description="Regular expression that the whole value must match."
    )
    pattern_help: str = Field(
        "", alias="pattern-help", description="The pattern in words: `must be …`."
    )


class TextField(_Text):
    """Several lines of text."""

    type: Literal["text"]
    rows: int = Field(6, ge=1, le=100, description="Lines that the form shows.")


class _Numeric(InputField):
    placeholder: str = Field("", description="Shown in the empty field.")
    unit: str = Field("", description="Shown behind the number.")


class IntegerField(_Numeric):
    """A whole number."""

    type: Literal["integer"]
    min: int | None = Field(None, description="Smallest value.")
    max: int | None = Field(None, description="Largest value.")
    step: int | None = Field(None, ge=1, description="Distance of allowed values, from `min`.")


class NumberField(_Numeric):
    """A number."""

    type: Literal["number"]
    min: float | None = Field(None, description="Smallest value.", allow_inf_nan=False)
    max: float | None = Field(None, description="Largest value.", allow_inf_nan=False)
    step: float | None = Field(
        None, gt=0, description="What the form's arrows add; any number between is allowed."
    )


class BooleanField(InputField):
    """Yes or no; no when nothing is said."""

    type: Literal["boolean"]
    default: bool = Field(False, description="`true` or `false`.")
    true_value: str = Field(
        "true", alias="true-value", description="What the script's option gets for yes."
    )
    false_value: str = Field(
        "false", alias="false-value", description="What the script's option gets for no."
    )


class Option(BaseModel):
    """One of the values to choose from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: OptionValue = Field(description="What the script gets.")
    label: str = Field("", description="What the form shows; the value when absent.")


def _option(written: Any) -> Any:
    return written if isinstance(written, (Mapping, Option)) else {"value": written}


class _Choosing(InputField):
    options: tuple[Annotated[Option, BeforeValidator(_option)], ...] = Field(
        min_length=1,
        description="What there is to choose: a list of values, or of `{value: …, label: …}`.",
    )

    @field_validator("options", mode="after")
    @classmethod
    def _each_once(cls, options: tuple[Option, ...]) -> tuple[Option, ...]:
        texts = [str(option.value) for option in options]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"has {text!r} twice")
        return options


class ChoiceField(_Choosing):
    """One of several values."""

    type: Literal["choice"]


class MultiChoiceField(_Choosing):
    """Any number of several values."""

    type: Literal["multi-choice"]
    min: int = Field(0, ge=0, description="Values to choose at least.")
    max: int | None = Field(None, ge=1, description="Values to choose at most.")


class FileField(InputField):
    """A file: a path on the command line, an upload in the form; the script gets its own copy."""

    type: Literal["file"]
    accept: tuple[str, ...] = Field((), description="Endings of its name, such as `.csv`.")


class ClusterField(InputField):
    """A cluster by name; the form offers those that are defined."""

    type: Literal["cluster"]
    types: tuple[str, ...] = Field(
        (), description="Only clusters of these types (`slurm`, `ssh`, …)."
    )
    workspace: bool = Field(False, description="Offer `local`, this machine, too.")
    executors: tuple[str, ...] = Field((), description="Labels of executors that it is chosen for.")


class _OfCluster(InputField):
    cluster: str | None = Field(
        None,
        description="Name of the cluster field that it belongs to; default: the only one there is.",
    )


class PartitionField(_OfCluster):
    """A partition (queue); the form offers those of the chosen cluster."""

    type: Literal["partition"]


class AccountField(_OfCluster):
    """An account (project) to charge."""

    type: Literal["account"]


class QosField(_OfCluster):
    """A quality of service."""

    type: Literal["qos"]


class SecretField(InputField):
    """A password or token: only ``towline.inputs()`` has it; it is on no disk and in no log."""

    type: Literal["secret"]
    default: None = Field(None, description="A secret has none.")
    argument: None = Field(None, description="A secret is never an argument.")


class GroupField(InputField):
    """Fields that belong together; their values are a mapping."""

    type: Literal["group"]
    default: None = Field(None, description="A group has none; its fields have.")
    required: None = Field(None, description="A group is neither; its fields are.")
    inputs: dict[InputName, AnyField] = Field(min_length=1, description="The fields.")
    collapsed: bool = Field(False, description="The form shows it folded up.")


class ListField(InputField):
    """Any number of values of one kind."""

    type: Literal["list"]
    items: AnyField = Field(description="What each item is: a field, often a group.")
    min: int = Field(0, ge=0, description="Fewest items.")
    max: int = Field(1000, ge=1, description="Most items.")


FIELD_TYPES: dict[str, type[InputField]] = {
    "string": StringField,
    "text": TextField,
    "integer": IntegerField,
    "number": NumberField,
    "boolean": BooleanField,
    "choice": ChoiceField,
    "multi-choice": MultiChoiceField,
    "file": FileField,
    "cluster": ClusterField,
    "partition": PartitionField,
    "account": AccountField,
    "qos": QosField,
    "secret": SecretField,
    "group": GroupField,
    "list": ListField,
}
"""Every type of field by the word that stands in ``workflow.yaml``."""


def _type_of(written: Any) -> str:
    if isinstance(written, InputField):
        return str(getattr(written, "type"))  # noqa: B009 - each subclass has its own literal
    return str(written.get("type", "string")) if isinstance(written, Mapping) else "string"


AnyField = Annotated[
    Annotated[StringField, Tag("string")]
    | Annotated[TextField, Tag("text")]
    | Annotated[IntegerField, Tag("integer")]
    | Annotated[NumberField, Tag("number")]
    | Annotated[BooleanField, Tag("boolean")]
    | Annotated[ChoiceField, Tag("choice")]
    | Annotated[MultiChoiceField, Tag("multi-choice")]
    | Annotated[FileField, Tag("file")]
    | Annotated[ClusterField, Tag("cluster")]
    | Annotated[PartitionField, Tag("partition")]
    | Annotated[AccountField, Tag("account")]
    | Annotated[QosField, Tag("qos")]
    | Annotated[SecretField, Tag("secret")]
    | Annotated[GroupField, Tag("group")]
    | Annotated[ListField, Tag("list")],
    Discriminator(_type_of),
]

Fields = Mapping[str, InputField]
"""The fields of a form, or of a group in it, by name in their order."""

GroupField.model_rebuild()
ListField.model_rebuild()
