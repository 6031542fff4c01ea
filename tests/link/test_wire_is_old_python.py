"""The part that runs on controllers keeps to Python 3.6 and its standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import towline.link.wire as wire

FILES = sorted(Path(wire.__file__).parent.glob("*.py"))
TOO_NEW_MODULES = {"dataclasses", "contextvars", "importlib.resources", "zoneinfo", "tomllib"}
TOO_NEW_NAMES = {
    "time.monotonic_ns": 3.7,
    "time.time_ns": 3.7,
    "contextlib.nullcontext": 3.7,
    "socket.create_server": 3.8,
    "functools.cached_property": 3.8,
    "functools.cache": 3.9,
    "os.pidfd_open": 3.9,
    "str.removeprefix": 3.9,
    "typing.Final": 3.8,
    "typing.Literal": 3.8,
    "typing.Protocol": 3.8,
}


def test_there_is_something_to_check():
    assert {"agent.py", "attach.py", "main.py", "frames.py"} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_syntax_is_that_of_python_3_6(file):
    tree = ast.parse(file.read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.NamedExpr | ast.Match | ast.AsyncFunctionDef)
        if isinstance(node, ast.arguments):
            assert not node.posonlyargs
        if isinstance(node, ast.FormattedValue | ast.JoinedStr):
            assert "=}" not in ast.unparse(node)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_only_the_standard_library_of_python_3_6_is_imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        for name in names:
            assert name != "__future__", "annotations came with 3.7"
            assert name not in TOO_NEW_MODULES
            assert name.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_name_is_used_that_came_later(file):
    names = {name.rsplit(".", 1)[1] for name in TOO_NEW_NAMES}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in names, f"{node.attr}, line {node.lineno}"
        elif isinstance(node, ast.ImportFrom):
            assert not {alias.name for alias in node.names} & names
        elif isinstance(node, ast.Call):
            keywords = {keyword.arg for keyword in node.keywords}
            assert not keywords & {"text", "capture_output", "missing_ok", "dirs_exist_ok"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_annotations_that_are_evaluated_use_typing(file):
    """``list[int]`` and ``X | None`` fail on 3.6 as soon as the module is imported."""
    builtin = {"list", "dict", "tuple", "set", "frozenset", "type", "deque"}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in builtin, f"line {node.lineno}"
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if annotation is not None and not isinstance(node, ast.AnnAssign):
            assert not any(isinstance(part, ast.BitOr) for part in ast.walk(annotation))
