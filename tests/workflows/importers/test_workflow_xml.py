"""A form of 2022 becomes a workflow: every parameter, every attribute, and a word on each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import DefinitionError
from towline.workflows import check_inputs, parse_definition
from towline.workflows.arguments import command_of
from towline.workflows.importers import Fate, Imported, import_workflow
from towline.workflows.importers.importing import written
from towline.workflows.importers.params import scheduler_option
from towline.workflows.importers.report import Report
from towline.workflows.importers.tool import read_tool
from towline.workflows.importers.xml_tree import parse_xml

EVERY = Path(__file__).with_name("every_parameter.xml")
HEAD = "<tool id='x' name='x'><command interpreter='bash'>main.sh</command><inputs>"
TAIL = "</inputs></tool>"


@pytest.fixture
def every(tmp_path: Path) -> Imported:
    """The form with every parameter, imported from a folder with its script."""
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(EVERY, folder / "workflow.xml")
    (folder / "main.sh").write_text("echo $@\n")
    return import_workflow(folder)


def imported(inputs: str, name: str = "form.xml") -> tuple[dict[str, Any], Report]:
    report = Report(name)
    root = parse_xml(f"{HEAD}{inputs}{TAIL}".encode(), name)
    return read_tool(root, "folder", {"main.sh"}, report), report


def said(lines: Any, part: str) -> list[str]:
    """Return what a report says of the things whose name holds a text."""
    return [str(line) for line in lines if part in line.what]


def test_each_type_of_parameter_has_its_field(every: Imported) -> None:
    fields = every.definition.inputs
    host, data = fields["host"].inputs, fields["data_generation"].inputs
    types = {name: field.type for group in (fields, host, data) for name, field in group.items()}
    assert types == {
        "name": "string",
        "secret_password": "string",
        "conda_env": "string",
        "data_generation": "group",
        "host": "group",
        "strange": "string",
        "imgdir": "file",
        "num_extra_samples": "integer",
        "sweep": "integer",
        "zca": "boolean",
        "flips": "multi-choice",
        "notes": "text",
        "resource": "cluster",
        "where": "boolean",
        "_sch__dd_partition_e_": "partition",
        "account": "account",
        "qos": "qos",
        "port": "integer",
        "port_False": "string",
        "scheduler": "choice",
        "walltime": "string",
        "queue": "string",
    }
    number = data["num_extra_samples"]
    assert (number.min, number.max, number.step, number.default) == (0, 5000, 100, 1000)
    assert fields["conda_env"].hidden
    assert data["imgdir"].accept == (".png", ".tif")
    assert data["notes"].default == "two lines"
    assert (host["where"].true_value, host["where"].false_value) == ("Partition", "Controller")
    assert host["account"].cluster == "resource"
    assert not host["resource"].workspace
    assert fields["host"].collapsed
    assert not fields["data_generation"].collapsed
    assert every.definition.description == "One of each, in one form"
    assert (every.folder / "README.md").read_text() == "# How to use it\n"


def test_the_script_gets_the_arguments_that_it_expects(every: Imported) -> None:
    """Without names of sections and conditionals, booleans in their own words, cases apart."""
    given = {
        "name": "a b",
        "data_generation": {"imgdir": "x.png"},
        "host": {"resource": "onprem", "account": "a", "qos": "q", "queue": "workq"},
    }
    checked = check_inputs(every.definition, given)
    words = command_of(every.definition, checked.values)
    assert words[:4] == ["bash", "main.sh", "--mode", "a b"]
    pairs = list(zip(words[4::2], words[5::2], strict=True))
    assert pairs == [
        ("--name", "a b"),
        ("--secret_password", "EnterPassword"),
        ("--conda_env", "parsl-1.2"),
        ("--imgdir", "x.png"),
        ("--num_extra_samples", "1000"),
        ("--sweep", "3"),
        ("--zca", "False"),
        ("--flips", '["h"]'),
        ("--notes", "two lines"),
        ("--resource", "onprem"),
        ("--where", "Partition"),
        ("--account", "a"),
        ("--qos", "q"),
        ("--port", "6080"),
        ("--scheduler", "SLURM"),
        ("--walltime", "01:00:00"),
        ("--queue", "workq"),
        ("--zca", "again"),
        ("--strange", "x"),
    ]
    given["host"] |= {"where": False, "scheduler": "PBS"}
    words = command_of(every.definition, check_inputs(every.definition, given).values)
    assert words[words.index("--where") :] == [
        *("--where", "Controller", "--port", "8787", "--scheduler", "PBS"),
        *("--zca", "again", "--strange", "x"),
    ]


def test_everything_in_the_form_is_spoken_of_with_its_line(every: Imported) -> None:
    """Each parameter, and each attribute that could not come along."""
    text = EVERY.read_text().splitlines()
    lines = {line.line for line in every.report if line.file == "workflow.xml"}
    for number, line in enumerate(text, 1):
        wanted = "<param" in line or "<section" in line or "<when" in line or "<data" in line
        if wanted and "rocket" not in line:
            assert number in lines, line
    for part, words in {
        "width": "layout of its own",
        "float": "layout of its own",
        "area": "layout of its own",
        "argument='input'": "there is no params.run",
        "hideDisconnectedResources": "clusters that are off",
        "dependent='x'": "choices follow the cluster alone",
        "resource='elsewhere.resource'": "no cluster field",
        "colour='red'": "takes none",
        "value='pw://pw/storage/x'": "chosen at each run",
        "when 'Moon' (rocket)": "not carried over",
        "shown if data_generation.zca": "in another section",
        "passes --zca": "as does line 45",
        "<repeat>": "no parameter",
        "<cancel>": "SIGINT",
        "<tests>": "nothing is known",
        "output '/etc/passwd'": "does not name a file",
        "version='1.2'": "nothing is known",
        "secret_password": "type: secret",
        "spaces in values": "not as ___",
        "_sch__dd_partition_e_ (": "--partition=",
    }.items():
        assert any(words in line for line in said(every.report, part)), part
    lost = [str(line) for line in every.report if line.fate is not Fate.CARRIED]
    assert all(f"# {' '.join(line.split())}" in every.text for line in lost)


def test_the_command_line_tells_it_too(tmp_path: Path) -> None:
    """And with --into everything beside the form is copied, the old folder left as it was."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / ".git").mkdir(parents=True)
    (old / "my.xml").write_text(EVERY.read_text())
    (old / "main.sh").write_text("echo\n")
    (old / "thumb.png").write_bytes(b"png")
    about = {
        "repo": "https://example.org/x.git",
        "branch": "main",
        "dir": "sub",
        "xml": "sub/my.xml",
        "thumbnail": "thumb.png",
        "readme": "../../etc/passwd",
    }
    (old / "github.json").write_text(json.dumps(about))
    done = subprocess.run(
        [sys.executable, "-m", "towline", "workflow", "import", old, "--into", new, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["folder"] == str(new)
    assert {"file", "line", "fate", "what", "how"} == set(answer["report"][0])
    assert parse_definition((new / "workflow.yaml").read_text()).thumbnail == "thumb.png"
    assert not (old / "workflow.yaml").exists()
    assert not (new / ".git").exists()
    passwd = [line for line in answer["report"] if "passwd" in line["what"]]
    assert passwd[0]["fate"] == "left out"
    with pytest.raises(DefinitionError, match="is there already"):
        import_workflow(old, new)


@pytest.mark.parametrize(
    ("interpreter", "command", "files", "run"),
    [
        ("bash", "main.sh", set(), ["bash", "main.sh"]),
        ("parsl", "main.py", set(), ["python", "main.py"]),
        ("bash", "parsl_utils/main.sh", {"main.py"}, ["python", "main.py"]),
        ("bash", "parsl_wrapper.sh", set(), ["bash", "parsl_wrapper.sh"]),
        ("swift", "main.swift", set(), ["swift", "main.swift"]),
        ("jetstream", "go", set(), ["jetstream", "go"]),
        ("", "./go", set(), ["./go"]),
    ],
)
def test_what_ran_is_what_runs(
    interpreter: str, command: str, files: set[str], run: list[str]
) -> None:
    report = Report("form.xml")
    attribute = f" interpreter='{interpreter}'" if interpreter else ""
    text = f"<tool id='x' name='x'><command{attribute}>{command}</command></tool>"
    assert read_tool(parse_xml(text.encode(), "form.xml"), "x", files, report)["run"] == run
    assert said(report.lines, f"{interpreter} {command}".strip())


def test_a_notebook_is_run_as_one() -> None:
    text = "<tool name='x'><command interpreter='parsl-nb'>a.ipynb</command></tool>"
    new = read_tool(parse_xml(text.encode(), "f"), "x", set(), Report("f"))
    assert new["run"][:2] == ["jupyter", "nbconvert"]
    assert new["arguments"] is False


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("_sch__dd_partition_e_", "--partition="),
        ("_sch__d_q___", "-q "),
        ("_sch__dd_ntasks_d_per_d_node_e_", "--ntasks-per-node="),
        ("partition", None),
    ],
)
def test_scheduler_options_are_read_out_of_names(name: str, option: str | None) -> None:
    assert scheduler_option(name) == option


def test_spellings_of_later_forms_are_read() -> None:
    """Options in an attribute, and a condition that only names a yes-or-no parameter."""
    new, _ = imported(
        "<section name='s'><param name='a' type='boolean' checked='true'/>"
        "<param name='b' type='text' show_if='s.a'/>"
        """<param name='c' type='select' options="[{'label': 'One', 'value': '1'}]"/></section>"""
    )
    fields = new["inputs"]["s"]["inputs"]
    assert fields["b"]["show-if"] == {"a": True}
    assert fields["c"]["options"] == [{"value": "1", "label": "One"}]


HOSTILE = {
    "entities": b'<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tool>&b;</tool>',
    "files": b'<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><tool>&x;</tool>',
    "dtd": b'<!DOCTYPE t SYSTEM "http://127.0.0.1:1/x.dtd"><tool/>',
    "deep": b"<a>" * 100 + b"</a>" * 100,
    "many": b"<tool>" + b"<a/>" * 30_000 + b"</tool>",
    "large": b"<tool>" + b" " * (1 << 20) + b"</tool>",
    "other": b"<html/>",
    "broken": b"<tool>\n<param name='a'>\n</tool>",
    "binary": bytes(range(256)),
    "empty": b"",
    "encoding": b"<?xml version='1.0' encoding='klingon'?><tool/>",
    "no command": b"<tool name='x'><inputs/></tool>",
    "empty command": b"<tool name='x'><command> </command></tool>",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_form_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    """Nothing is expanded, fetched or written."""
    (tmp_path / "workflow.xml").write_bytes(data)
    with pytest.raises(DefinitionError) as raised:
        import_workflow(tmp_path)
    assert "workflow.xml" in raised.value.thing
    assert not (tmp_path / "workflow.yaml").exists()


def test_a_broken_form_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "workflow.xml").write_bytes(HOSTILE["broken"])
    with pytest.raises(DefinitionError, match=r"workflow\.xml:3: is not well-formed"):
        import_workflow(tmp_path)


@pytest.mark.parametrize(
    ("param", "part", "words"),
    [
        ("<param name='a' type='integer' min='5' max='1'/>", "min=5", "max is 1"),
        ("<param name='a' type='integer' min='5' max='0'/>", "min=5", "max is 0"),
        ("<param name='a' type='integer' max='9' value='12'/>", "default=12", "at most 9"),
        ("<param name='a' type='integer' value='much'/>", "default='much'", "no number"),
        ("<param name='a' type='integer' step='7' value='12'/>", "step=7", "multiple"),
        ("<param name='a' type='select'/>", "a", "no options"),
        ("<param type='text'/>", "<param>", "has no name"),
        ("<param name='1 x' type='text'/>", "1 x", "called _1_x"),
        ("<param name='a' show_if='x'/>", "a: shown if ?", "no such parameter"),
        ("<section name='s'/>", "section s", "nothing in it"),
        ("<param name='a' type='password' value='x'/>", "a (password)", "towline.inputs()"),
    ],
)
def test_what_cannot_be_is_taken_back_and_said(param: str, part: str, words: str) -> None:
    new, report = imported(param)
    assert any(words in line for line in said(report.lines, part))
    assert parse_definition(written(new, "form.xml", report.lines))


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
NAME = st.sampled_from(["a", "b", "resource", "_sch__dd_x_e_", "1 x", "ü"]) | TEXT
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "label",
            "help",
            "value",
            "optional",
            "width",
            "argument",
            "placeholder",
            "min",
            "max",
            "step",
            "truevalue",
            "falsevalue",
            "checked",
            "multiple",
            "format",
            "resource",
            "depends_on",
            "show_if",
            "hideUserWorkspace",
        ]
    ),
    TEXT | st.sampled_from(["true", "5", "-3", "a", "a.b", '{"a": true}', "0.5"]),
    max_size=6,
)
TYPES = st.sampled_from(
    ["text", "hidden", "select", "boolean", "integer", "float", "computeResource", "data",
     "textarea", "password", "dynamicPartitionDropdown", "dynamicQOSDropdown", "odd"]
)  # fmt: skip
PARAM = st.tuples(NAME, TYPES, ATTRIBUTES)


def element(tag: str, attributes: dict[str, str], inside: str = "") -> str:
    from xml.sax.saxutils import quoteattr

    words = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{tag}{words}>{inside}</{tag}>"


@settings(max_examples=60, deadline=None)
@given(st.lists(PARAM, max_size=4), st.lists(PARAM, max_size=3), TEXT)
def test_any_form_becomes_a_workflow_that_can_be_read(
    top: list[Any], inner: list[Any], case: str
) -> None:
    """Whatever names, types and attributes it has; and no parameter goes without a word."""

    def params(each: list[Any]) -> str:
        options = "<option value='a'>A</option><option>b</option>"
        return "".join(
            element("param", {**more, "name": name, "type": kind}, options * (kind == "select"))
            for name, kind, more in each
        )

    when = element("when", {"value": case}, params(inner))
    driver = "<param name='driver' type='boolean'/>"
    conditional = f"<conditional name='c'>{driver}{when}<when value='True'/></conditional>"
    section = element("section", {"name": "s", "expanded": "x"}, params(inner) + conditional)
    new, report = imported(params(top) + section)
    assert parse_definition(written(new, "form.xml", report.lines))
    for name, _, _ in top:
        assert any(name.strip() in line.what or not name.strip() for line in report.lines)
