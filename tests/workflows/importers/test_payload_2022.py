"""Clients of 2022 name inputs ``section|param``; a form of today understands them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.workflows import WorkflowDefinition, check_inputs
from towline.workflows.importers import import_workflow, inputs_of_payload

EVERY = Path(__file__).with_name("every_parameter.xml")


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> WorkflowDefinition:
    """The form with every parameter."""
    new = tmp_path_factory.mktemp("form") / "new"
    return import_workflow(EVERY, new).definition


PAYLOAD = {
    "name": "PW_USER",
    "data_generation|imgdir": "x.png",
    "data_generation|num_extra_samples": "200",
    "host|resource": "onprem",
    "host|where_cond|where": "Controller",
    "host|where_cond|port": "99",
    "host|scheduler": "PBS",
}


def test_sections_are_groups_and_conditionals_are_no_level(form: WorkflowDefinition) -> None:
    """A parameter that stood in several cases is that of the case which the payload chooses."""
    assert inputs_of_payload(form.inputs, PAYLOAD) == {
        "name": "PW_USER",
        "data_generation": {"imgdir": "x.png", "num_extra_samples": "200"},
        "host": {
            "resource": "onprem",
            "where": False,
            "port_False": "99",
            "scheduler": "PBS",
        },
    }
    values = inputs_of_payload(form.inputs, PAYLOAD)
    assert check_inputs(form, values).values["host"]["port_False"] == "99"
    other = inputs_of_payload(form.inputs, {**PAYLOAD, "host|where_cond|where": "Partition"})
    assert other["host"]["port"] == "99"


def test_names_of_today_stay(form: WorkflowDefinition) -> None:
    values = {"name": "x", "host": {"resource": "onprem"}, "host|scheduler": "PBS", "imgdir": "y"}
    assert inputs_of_payload(form.inputs, values) == {
        "name": "x",
        "host": {"resource": "onprem", "scheduler": "PBS"},
        "data_generation": {"imgdir": "y"},
    }


def test_what_names_nothing_is_left_to_the_check(form: WorkflowDefinition) -> None:
    assert inputs_of_payload(form.inputs, {"host|moon": 1, "zca": 2}) == {"host|moon": 1, "zca": 2}


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("ab|hostnamewrc_", max_size=20), st.integers() | st.text()))
def test_any_payload_can_be_read(form: WorkflowDefinition, payload: dict[str, Any]) -> None:
    assert isinstance(inputs_of_payload(form.inputs, payload), dict)
