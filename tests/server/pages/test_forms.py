"""A schema becomes fields, and what a browser sends becomes values again."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from towline.clusters.types import form_schema as cluster_schema
from towline.clusters.types import type_named
from towline.server.pages.forms import Field, build, read
from towline.server.pages.rendering import partial
from towline.workflows import check_inputs, form_schema, parse_definition

WORKFLOW = """
title: All fields
inputs:
  name: {type: string, default: x}
  text: {type: text, required: false}
  count: {type: integer, default: 3, min: 1}
  share: {type: number, required: false}
  sure: {type: boolean, default: true}
  one: {type: choice, options: [a, b], default: a}
  some: {type: multi-choice, options: [a, b, c], default: [a, c]}
  secret: {type: secret, required: false}
  where: {type: cluster, required: false}
  queue: {type: partition, required: false}
  only: {type: string, default: seen, show-if: {one: b}}
  group:
    type: group
    inputs:
      inner: {type: string, default: deep}
  cases:
    type: list
    default: [{size: 1}, {size: 2}]
    items: {type: group, inputs: {size: {type: integer, default: 9}}}
  words: {type: list, default: [u, v], items: {type: string}}
run: [python, main.py]
"""
DEFINITION = parse_definition(WORKFLOW)
SCHEMA = form_schema(DEFINITION)


class _Browser(HTMLParser):
    """Reads a form as a browser does, and knows what it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self._select = self._area = ""
        self._first: str | None = None
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        own = {name: value or "" for name, value in attrs}
        self._hidden += tag == "template"
        if self._hidden:
            return
        if tag == "input" and own.get("type") != "file":
            box = own.get("type") in ("checkbox", "radio")
            if not box or "checked" in own:
                self.sent.append((own["name"], own.get("value", "")))
        elif tag == "select":
            self._select, self._first = own["name"], None
        elif tag == "option" and self._select:
            value = own.get("value", "")
            self._first = value if self._first is None else self._first
            if "selected" in own:
                self._first = value
        elif tag == "textarea":
            self._area = own["name"]
            self.sent.append((self._area, ""))

    def handle_data(self, data: str) -> None:
        if self._area and not self._hidden:
            name, text = self.sent.pop()
            self.sent.append((name, text + data))

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "template"
        if tag == "select" and self._select:
            self.sent.append((self._select, self._first or ""))
            self._select = ""
        elif tag == "textarea" and self._area:
            name, text = self.sent.pop()
            self.sent.append((name, text.removeprefix("\n")))
            self._area = ""


def browsed(form: Field) -> _Browser:
    """Return what a browser makes of a form."""
    browser = _Browser()
    browser.feed(partial("forms.html", "form", form))
    return browser


def every(field: Field) -> Iterator[Field]:
    """Yield a field and all within it."""
    yield field
    for child in field.children:
        yield from every(child)


def test_an_untouched_form_sends_the_defaults() -> None:
    """Drawn, sent and checked, nothing has changed."""
    values = read(SCHEMA, browsed(build(SCHEMA)).sent)
    assert check_inputs(DEFINITION, values).values == check_inputs(DEFINITION, {}).values


def test_what_was_typed_stays_and_errors_stand_beside_it() -> None:
    """Bad values come back into their fields, in groups and lists as well."""
    typed = {"count": "many", "cases": [{"size": "1"}, {"size": "wide"}]}
    form = build(SCHEMA, typed, {"count": ["must be whole"], "cases.1.size": ["must be whole"]})
    by_path = {field.path: field for field in every(form)}
    assert by_path["count"].text == "many"
    assert by_path["cases.1.size"].errors == ("must be whole",)
    assert by_path["cases"].wrong and not by_path["cases.0.size"].wrong
    html = partial("forms.html", "form", form)
    assert html.count('aria-invalid="true"') == 2
    assert 'id="f-cases.1.size-wrong">must be whole' in html


def test_a_secret_is_never_sent_back() -> None:
    """Neither in a value nor anywhere else."""
    assert "hunter2" not in partial("forms.html", "form", build(SCHEMA, {"secret": "hunter2"}))


def test_a_condition_names_the_field_that_it_looks_at() -> None:
    """The page's script shows and hides by it."""
    by_path = {field.path: field for field in every(build(SCHEMA))}
    assert by_path["only"].conditions == '[["one", ["b"]]]'


def test_a_box_without_its_tick_says_no() -> None:
    """A hidden twin tells it from a box that was not there."""
    assert read(SCHEMA, [("sure", "false")])["sure"] is False
    assert read(SCHEMA, [("sure", "false"), ("sure", "true")])["sure"] is True
    assert "sure" not in read(SCHEMA, [])


def test_items_may_have_gaps_in_their_numbers() -> None:
    """Items that were removed in the page leave none."""
    sent = [("cases.7.size", "70"), ("cases.2.size", "20"), ("cases.x.size", "1")]
    assert read(SCHEMA, sent)["cases"] == [{"size": "20"}, {"size": "70"}]


def test_every_type_of_cluster_has_a_form_that_its_model_takes() -> None:
    """A definition comes back from its form as it was."""
    kind = type_named("slurm")
    given = {"name": "onprem", "host": "login", "port": 2222, "tags": ["a", "b"]}
    given["cost_per_node_hour"] = {"amount": 1.5, "currency": "EUR"}
    schema = cluster_schema(kind)
    read_back = read(schema, browsed(build(schema, given)).sent)
    made = kind.form.model_validate({**read_back, "type": "slurm"})
    assert made.model_dump(exclude_defaults=True) == {**given, "tags": ["a", "b"]}


def test_a_form_of_500_fields_is_drawn() -> None:
    """Each field once."""
    inputs = "".join(f"  f{n}: {{type: integer, default: {n}}}\n" for n in range(500))
    schema = form_schema(parse_definition(f"inputs:\n{inputs}run: [python]\n"))
    values = read(schema, browsed(build(schema)).sent)
    assert values == {f"f{n}": str(n) for n in range(500)}


evil = st.one_of(
    st.text(max_size=30),
    st.sampled_from(['"><script>x()</script>', "'; x", "</textarea><script>", "{{ 7*7 }}", "<hx-"]),
)
names = st.sampled_from(["name", "text", "group.inner", "cases.0.size", "one", "queue", "words.0"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, evil), max_size=6))
def test_nothing_that_is_typed_becomes_markup(sent: list[tuple[str, str]]) -> None:
    """The tags of a page are those of its template, and text comes back as it was."""
    values = read(SCHEMA, sent)
    errors = {path: [text] for path, text in sent}
    browser = browsed(build(SCHEMA, values, errors))
    assert set(browser.tags).isdisjoint({"script", "img", "hx-partial"})
    again = read(SCHEMA, browser.sent)
    if "name" in values and "\r" not in values["name"] and "\n" not in values["name"]:
        assert again.get("name") == values["name"]


paths = st.lists(
    st.sampled_from(["name", "cases", "0", "-1", "", "group", "inner", "٣"]), max_size=8
)


@given(st.lists(st.tuples(paths.map(".".join), st.text(max_size=5)), max_size=8))
def test_whatever_is_sent_is_read_without_an_error(sent: list[tuple[str, Any]]) -> None:
    """Names that make no sense, clash or go deep are left out; what is read can be drawn."""
    build(SCHEMA, read(SCHEMA, sent))


def test_labels_are_words_and_no_names_of_classes() -> None:
    """Of a group that is a model of its own too; where several words go, it is said how."""
    form = build(cluster_schema(type_named("slurm")))
    labels = {each.path: each.label for each in form.children}
    assert labels["cost_per_node_hour"] == "Cost per node hour"
    assert labels["ssh_config"] == "SSH config"
    tags = next(each for each in form.children if each.path == "tags")
    assert "commas" in tags.attributes["placeholder"]
