"""Inputs are typed, and each problem is said in words by its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import InputsWrong
from towline.workflows import check_inputs, parse_definition

EVERY_TYPE = parse_definition(
    """
inputs:
  line: {default: x, pattern: "[a-z ]*", max-length: 8}
  text: {type: text, required: false}
  whole: {type: integer, min: 0, max: 100, step: 5, default: 10}
  number: {type: number, min: -1, max: 1.5, default: 0.5}
  flag: {type: boolean}
  one: {type: choice, options: [a, {value: 2, label: two}], default: a}
  many: {type: multi-choice, options: [r, g, b], max: 2}
  file: {type: file, required: false, accept: [.csv]}
  where: {type: cluster, required: false}
  part: {type: partition, required: false}
  account: {type: account, required: false}
  qos: {type: qos, required: false}
  token: {type: secret, required: false}
  deep:
    type: group
    inputs:
      only: {show-if: {flag: true}}
      inner: {type: group, inputs: {x: {type: integer, show-if: {one: [a, 2]}, default: 1}}}
  cases:
    type: list
    max: 3
    items:
      type: group
      inputs:
        kind: {type: choice, options: [s, m], default: s}
        size: {type: integer, show-if: {kind: m}}
run: [python, main.py]
"""
)


def checked(**values: Any) -> dict[str, Any]:
    return check_inputs(EVERY_TYPE, values).values


def problems(**values: Any) -> dict[str, str]:
    with pytest.raises(InputsWrong) as caught:
        check_inputs(EVERY_TYPE, values)
    return {".".join(map(str, p.path)): p.message for p in caught.value.problems}


def test_defaults_fill_what_is_not_given():
    values = checked()
    assert values["whole"] == 10
    assert values["flag"] is False
    assert values["many"] == []
    assert values["cases"] == []
    assert values["file"] is None
    assert values["deep"] == {"inner": {"x": 1}}, "a field that is not shown is not there"


@pytest.mark.parametrize(
    ("name", "given_value", "value"),
    [
        ("line", "ab c", "ab c"),
        ("line", "", ""),
        ("text", "a\nb", "a\nb"),
        ("whole", "25", 25),
        ("whole", 25.0, 25),
        ("whole", "", 10),
        ("number", "1e-1", 0.1),
        ("number", 1, 1),
        ("flag", "yes", True),
        ("flag", "0", False),
        ("one", "2", 2),
        ("many", ["g", "r", "g"], ["g", "r"]),
        ("file", "/data/a.csv", "/data/a.csv"),
        ("where", "onprem", "onprem"),
        ("part", "", None),
        ("account", "p-123", "p-123"),
        ("qos", "normal", "normal"),
        ("cases", [{}, {"kind": "m", "size": "3"}], [{"kind": "s"}, {"kind": "m", "size": 3}]),
    ],
)
def test_a_good_value_gets_its_type(name: str, given_value: Any, value: Any):
    assert checked(**{"deep": {"only": "x"}, name: given_value})[name] == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("line", "ABC", "must match [a-z ]*, not 'ABC'"),
        ("line", "a\nb", "must be one line"),
        ("line", "a" * 9, "must have at most 8 characters, not 9"),
        ("line", ["a"], "must be text, not a list"),
        ("text", "a\0", "must not hold the character NUL"),
        ("text", "\ud800", "holds half a character"),
        ("whole", "1.5", "must be a whole number, not '1.5'"),
        ("whole", True, "must be a whole number, not True"),
        ("whole", 10**50, "must fit into 64 bits"),
        ("whole", 105, "must be at most 100, not 105"),
        ("whole", 7, "must be a multiple of 5, not 7"),
        ("number", "nan", "must be a number"),
        ("number", float("inf"), "must be a number"),
        ("number", 2, "must be at most 1.5, not 2"),
        ("flag", "perhaps", "must be true or false, not 'perhaps'"),
        ("one", "c", "must be one of a, 2, not 'c'"),
        ("one", True, "must be one of"),
        ("many", "r", "must be a list"),
        ("many", ["r", "x"], "each must be one of r, g, b, not 'x'"),
        ("many", ["r", "g", "b"], "takes at most 2 values, not 3"),
        ("file", 3, "must be text"),
        ("where", "-oProxyCommand=x", "must be one word without a '-' in front"),
        ("part", "a b", "must be one word"),
        ("token", 3, "must be text"),
        ("deep", [1], "must be a mapping, not a list"),
        ("cases", {}, "must be a list, not a mapping"),
        ("cases", [{}] * 4, "takes at most 3 items, not 4"),
    ],
)
def test_a_bad_value_is_named_with_its_reason(name: str, value: Any, message: str):
    assert message in problems(**{name: value})[name]


def test_problems_deep_inside_have_their_path():
    found = problems(flag=True, deep={"inner": {"x": "y"}}, cases=[{"kind": "m"}], nam=1)
    assert found["deep.only"] == "is needed"
    assert found["deep.inner.x"] == "must be a whole number, not 'y'"
    assert found["cases.0.size"] == "is needed"
    assert found["nam"].startswith("is no input of this workflow")


def test_a_condition_sees_fields_around_its_group():
    assert "only" not in checked(deep={"only": "ignored"})["deep"]
    assert checked(flag=True, deep={"only": "y"})["deep"]["only"] == "y"


def test_a_secret_is_apart_and_never_shown():
    found = check_inputs(EVERY_TYPE, {"token": "hunter2"})
    assert found.secrets == {"token": "hunter2"}
    assert "hunter2" not in repr(found)
    assert "token" not in found.values
    assert found.kept()["token"] == {"secret": True}


def test_a_secret_of_an_earlier_run_must_be_given_again():
    assert "is needed again" in problems(token={"secret": True})["token"]


def test_no_message_quotes_a_secret():
    with pytest.raises(InputsWrong) as caught:
        check_inputs(EVERY_TYPE, {"token": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


def test_a_million_mistakes_are_told_in_short():
    with pytest.raises(InputsWrong) as caught:
        check_inputs(EVERY_TYPE, {f"n{n}" * 100: n for n in range(100_000)})
    assert len(caught.value.problems) == 100
    assert len(str(caught.value)) < 30_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=10,
)
NAMES = st.sampled_from([*EVERY_TYPE.inputs, "other"])


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES, anything, max_size=6))
def test_whatever_is_given_the_only_error_says_what_is_wrong(values: dict[str, Any]):
    """check_inputs raises InputsWrong or nothing, and what it accepts it accepts again."""
    try:
        found = check_inputs(EVERY_TYPE, values)
    except InputsWrong as wrong:
        assert wrong.problems
        assert str(wrong)
        return
    again = check_inputs(EVERY_TYPE, {**found.values, **found.secrets})
    assert again.values == found.values
