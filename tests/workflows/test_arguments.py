"""The command is a list of words; what a user typed is in one of them, unchanged."""

from __future__ import annotations

import pytest

from towline.errors import InputsWrong
from towline.workflows import check_inputs, parse_definition
from towline.workflows.arguments import command_of
from towline.workflows.references import chosen_clusters, resolved

DEFINITION = parse_definition(
    """
inputs:
  name: {default: x}
  flag: {type: boolean, true-value: "True", false-value: "False", argument: --flag}
  quiet: {argument: false, default: z}
  gone: {required: false}
  tags: {type: list, items: {}}
  g:
    type: group
    inputs:
      n: {type: integer, default: -5}
      where: {type: cluster, required: false, executors: [a, b]}
run: [python, main.py, fixed]
"""
)


def command(**values: object) -> list[str]:
    return command_of(DEFINITION, check_inputs(DEFINITION, values).values)


def test_inputs_stand_behind_the_command_in_the_forms_order():
    assert command(tags=["a", "b"]) == [
        *("python", "main.py", "fixed", "--name", "x", "--flag", "False"),
        *("--tags", '["a", "b"]', "--g.n", "-5"),
    ]


def test_a_value_with_a_dash_in_front_is_no_option():
    assert "--name=--version" in command(name="--version")
    assert "--name=-x=3" in command(name="-x=3")


def test_a_value_too_long_for_an_argument_is_refused():
    definition = parse_definition("inputs: {t: {type: text}}\nrun: [x]")
    with pytest.raises(InputsWrong, match="too long for an argument"):
        command_of(definition, {"t": "a" * 200_000})


def test_a_workflow_may_take_no_arguments():
    definition = parse_definition("inputs: {t: {default: x}}\narguments: false\nrun: [a, b]")
    assert command_of(definition, {"t": "x"}) == ["a", "b"]


def test_references_are_whole_values():
    keys = {"cluster": {"input": "c"}, "nodes": {"input": "g.n"}, "qos": {"input": "q"}, "w": "{c}"}
    found = resolved(keys, {"c": "onprem", "g": {"n": 2}, "q": None})
    assert found == {"cluster": "onprem", "nodes": 2, "w": "{c}"}


def test_a_cluster_field_chooses_for_its_executors():
    assert chosen_clusters(DEFINITION, {"g": {"where": "cloud"}}) == {"a": "cloud", "b": "cloud"}
