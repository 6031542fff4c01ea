"""The form is JSON Schema: a standard validator agrees with our own checks."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from towline.errors import InputsWrong
from towline.workflows import Choices, check_inputs, form_schema, parse_definition
from towline.workflows.form import Choice, ClusterChoice

DEFINITION = parse_definition(
    """
title: Waves
inputs:
  name: {label: Name}
  steps: {type: integer, min: 1, max: 10, step: 1, default: 5}
  mode: {type: choice, options: [fast, {value: exact, label: Exact one}], default: fast}
  digits: {type: integer, show-if: {mode: exact}}
  colours: {type: multi-choice, options: [r, g], min: 1}
  token: {type: secret, required: false}
  where: {type: cluster, types: [slurm], executors: [sims]}
  queue: {type: partition, required: false}
  more: {type: group, collapsed: true, advanced: true, inputs: {x: {type: number}}}
  cases: {type: list, items: {type: integer}, max: 2}
presets: {quick: {steps: 1}}
run: [python, main.py]
"""
)
GOOD: dict[str, Any] = {"name": "n", "colours": ["r"], "where": "a", "more": {"x": 1}}


def test_the_form_is_a_json_schema():
    schema = form_schema(DEFINITION)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "Waves"
    assert schema["x-ui"]["order"][:2] == ["name", "steps"]
    assert schema["x-ui"]["presets"] == ["quick"]
    assert schema["properties"]["token"]["writeOnly"] is True
    assert schema["properties"]["more"]["x-ui"]["collapsed"] is True
    assert schema["properties"]["digits"]["x-ui"]["show_if"] == {"mode": "exact"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"steps": 11},
        {"steps": "x"},
        {"mode": "exact"},
        {"mode": "exact", "digits": 3},
        {"mode": "slow"},
        {"colours": []},
        {"colours": ["r", "b"]},
        {"name": ""},
        {"more": {}},
        {"cases": [1, 2, 3]},
        {"unknown": 1},
    ],
)
def test_schema_and_checks_agree(change: dict[str, Any]):
    values = {**GOOD, **change}
    by_schema = jsonschema.Draft202012Validator(form_schema(DEFINITION)).is_valid(values)
    try:
        check_inputs(DEFINITION, values)
        by_us = True
    except InputsWrong:
        by_us = False
    assert by_schema == by_us


def test_pickers_offer_what_was_seen():
    choices = Choices(
        (ClusterChoice("a", type="slurm"), ClusterChoice("b", type="ssh"), ClusterChoice("local")),
        {"a": [Choice("compute", note="4 nodes")]},
    )
    schema = form_schema(DEFINITION, choices)
    where = schema["properties"]["where"]["x-ui"]
    assert [choice["value"] for choice in where["choices"]] == ["a"]
    queue = schema["properties"]["queue"]["x-ui"]
    assert queue["cluster"] == "where"
    assert queue["choices_by_cluster"]["a"][0]["note"] == "4 nodes"
