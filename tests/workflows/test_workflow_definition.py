"""What a workflow.yaml may say, and the words about what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.workflows import load_definition, parse_definition

RUN = "\nrun: [python, main.py]\n"


def wrong(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(text)
    return f"{caught.value.thing}: {caught.value.cause}"


def test_the_least_workflow_is_a_command():
    definition = parse_definition("run: [python, main.py]")
    assert definition.run == ("python", "main.py")
    assert definition.inputs == {}


def test_a_field_without_a_type_is_a_line_of_text():
    assert parse_definition(f"inputs: {{a: {{}}}}{RUN}").inputs["a"].type == "string"


def test_on_is_a_key_although_yaml_reads_it_as_a_boolean():
    definition = parse_definition(f"on: {{cluster: onprem}}{RUN}")
    assert definition.on == {"cluster": "onprem"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "title: x\nrunn: [a]\nrun: [a]",
            "workflow.yaml:2: unknown key 'runn'; did you mean 'run'",
        ),
        ("title: x", "run is missing"),
        ("run: []", "workflow.yaml:1: run is empty"),
        ("run: python main.py", "run must be a list"),
        ("run: ['']", "run must begin with a program"),
        ("run: ['-rf']", "run must begin with a program"),
        ('run: ["a\\0b"]', "NUL"),
        (
            f"inputs:\n  a:\n    typ: text{RUN}",
            ":3: unknown key 'inputs.a.typ'; did you mean 'type'",
        ),
        (
            f"inputs:\n  a: {{type: texte}}{RUN}",
            ":2: inputs.a has the unknown type 'texte'; did you",
        ),
        (f"inputs:\n  a: 3{RUN}", "inputs.a must be a mapping"),
        (f"inputs:\n  9lives: {{}}{RUN}", ":2: inputs.9lives a name is a letter"),
        (f"inputs:\n  a: {{type: choice}}{RUN}", "inputs.a.options is missing"),
        (f"inputs:\n  a: {{type: choice, options: []}}{RUN}", "inputs.a.options is empty"),
        (f"inputs:\n  a: {{type: choice, options: [yes, no]}}{RUN}", "put it in quotes"),
        (f"inputs:\n  a: {{type: choice, options: [x, x]}}{RUN}", "has 'x' twice"),
        (
            f"inputs:\n  a: {{type: choice, options: [x], default: y}}{RUN}",
            "must be one of x, not 'y'",
        ),
        (f"inputs:\n  a: {{pattern: '('}}{RUN}", "is no regular expression"),
        (f"inputs:\n  a: {{pattern: '(?=a)b'}}{RUN}", "no look-around"),
        (f"inputs:\n  a: {{pattern: '(a+)+', default: {'a' * 50}b}}{RUN}", "must match (a+)+"),
        (f"inputs:\n  a: {{pattern: 'a+', default: b}}{RUN}", "inputs.a.default must match a+"),
        (f"inputs:\n  a: {{type: integer, default: x}}{RUN}", "default must be a whole number"),
        (f"inputs:\n  a: {{type: integer, min: 3, max: 2}}{RUN}", "a.min is 3, but max is 2"),
        (f"inputs:\n  a: {{type: secret, default: x}}{RUN}", "inputs.a.default"),
        (f"inputs:\n  a: {{type: secret, argument: --x}}{RUN}", "inputs.a.argument"),
        (f"inputs:\n  a: {{argument: 'x; rm'}}{RUN}", "must be an option such as --size"),
        (f"inputs:\n  a: {{type: group}}{RUN}", "inputs.a.inputs is missing"),
        (f"inputs:\n  a: {{type: list, items: {{type: secret}}}}{RUN}", "may not hold a secret"),
        (f"inputs:\n  a: {{hidden: true}}{RUN}", "needs a default"),
        (
            f"inputs:\n  a: {{show-if: {{b: 1}}}}\n  b: {{}}{RUN}",
            "show-if.b names no field above it",
        ),
        (
            f"inputs:\n  b: {{type: boolean}}\n  a: {{show-if: {{b: maybe}}}}{RUN}",
            "can never hold: b must be true or false",
        ),
        (f"inputs:\n  p: {{type: partition, cluster: c}}{RUN}", "names no cluster field above it"),
        (f"presets:\n  p: {{a: 1}}\ninputs:\n  b: {{}}{RUN}", ":2: presets.p.a is no input"),
        (
            f"presets:\n  p: {{a: x}}\ninputs:\n  a: {{type: integer}}{RUN}",
            "presets.p.a must be a whole number",
        ),
        (
            f"presets: {{p: {{a: x}}}}\ninputs:\n  a: {{type: secret}}{RUN}",
            "which no preset may hold",
        ),
        (f"on: {{cluster: {{input: where}}}}{RUN}", "on.cluster names no input 'where'"),
        (
            f"on: {{cluster: {{input: s}}}}\ninputs:\n  s: {{type: secret}}{RUN}",
            "cannot take 's'",
        ),
        (f"outputs: ['../x']{RUN}", "must be a path inside the workflow's folder"),
        (f"thumbnail: /etc/passwd{RUN}", "must be a path inside the workflow's folder"),
        (f"executors: 3{RUN}", "must be a file name, or a mapping"),
        ("run: [a]\nrun: [b]", ":2: the key 'run' stands here a second time"),
        ("run: [a", "is no valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str):
    assert words in wrong(text)


def test_everything_that_is_wrong_is_said_at_once():
    said = wrong("titel: x\ninputs:\n  a: {type: integer, min: x}\nrun: []")
    assert "titel" in said
    assert "line 3: inputs.a.min must be a whole number" in said
    assert "line 4: run is empty" in said


def test_a_folder_without_the_file_says_which_file(tmp_path: Path):
    with pytest.raises(DefinitionError, match=r"workflow\.yaml.*cannot be read"):
        load_definition(tmp_path)


def test_a_file_that_is_larger_than_it_looks_is_refused(tmp_path: Path):
    """Aliases of aliases, nesting without end, a file of megabytes: none of them takes long."""
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "has more than 20000 values" in wrong("\n".join(laughs))
    assert "is nested too deeply" in wrong("run: " + "[" * 5000 + "]" * 5000)
    (tmp_path / "workflow.yaml").write_text("run: [x]\n" + "#" * (1 << 20))
    with pytest.raises(DefinitionError, match="has more than 256 KiB"):
        load_definition(tmp_path)


def test_an_alias_that_names_what_is_around_it_is_refused():
    assert "values" in wrong("run: [x]\npresets: &p {a: *p}")
