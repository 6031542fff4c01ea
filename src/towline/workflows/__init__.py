"""Workflows: a folder with a form and a script; where they come from, and what they are given."""

from __future__ import annotations

from towline.workflows.catalog import Catalog, from_folder
from towline.workflows.definition import (
    FILE,
    WorkflowDefinition,
    load_definition,
    parse_definition,
)
from towline.workflows.fields import GroupField, InputField, SecretField
from towline.workflows.form import Choices, form_schema
from towline.workflows.inputs import CheckedInputs, check_inputs
from towline.workflows.installed import Installed
from towline.workflows.sources import FromArchive, FromGit, FromPath, Source, read_source

__all__ = [
    "FILE",
    "Catalog",
    "CheckedInputs",
    "Choices",
    "FromArchive",
    "FromGit",
    "FromPath",
    "GroupField",
    "InputField",
    "Installed",
    "SecretField",
    "Source",
    "WorkflowDefinition",
    "check_inputs",
    "form_schema",
    "from_folder",
    "load_definition",
    "parse_definition",
    "read_source",
]
