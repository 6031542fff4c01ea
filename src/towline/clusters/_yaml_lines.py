"""Read a YAML file so that every complaint about it can name a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from towline.errors import DefinitionError

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("partitions", 0)`` is the first partition."""


@dataclass(frozen=True)
class LinedMapping:
    """A YAML mapping and the line (from 1) of each of its keys and items."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def place(self, key_path: KeyPath) -> str:
        """Return ``file:line`` of a key, or of the nearest one around it."""
        for length in range(len(key_path), 0, -1):
            if line := self.lines.get(key_path[:length]):
                return f"{self.path}:{line}"
        return str(self.path)


def read_mapping(path: Path) -> LinedMapping:
    """Read a YAML (or JSON) file whose top level is a mapping.

    Raises:
        DefinitionError: the file cannot be read, is no YAML, repeats a key, or is no mapping.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DefinitionError(str(path), f"cannot be read: {cause}", f"ls -l {path}") from error
    return parse_mapping(text, path)


def parse_mapping(text: str, path: Path) -> LinedMapping:
    """Parse the text of a file; ``path`` only serves the messages. Raises as `read_mapping`."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        lines = _lines_of_keys(root, path) if root is not None else {}
        values = loader.construct_document(root) if root is not None else {}
    except yaml.YAMLError as error:
        raise _syntax_error(error, path) from error
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        raise DefinitionError(str(path), "must hold 'key: value' lines", f"edit {path}")
    return LinedMapping(path, values, lines)


def _lines_of_keys(root: yaml.Node, path: Path) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    seen: set[int] = set()  # an alias may lead to a node again, even to one around it

    def note(where: KeyPath, line: int) -> KeyPath:
        if where in lines:
            raise DefinitionError(
                f"{path}:{line}",
                f"the key '{where[-1]}' stands here a second time (first in line {lines[where]})",
                "keep one of the two",
            )
        lines[where] = line
        return where

    def visit(node: yaml.Node, where: KeyPath) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                visit(value, note((*where, str(key.value)), key.start_mark.line + 1))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                visit(item, note((*where, index), item.start_mark.line + 1))

    visit(root, ())
    return lines


def _syntax_error(error: yaml.YAMLError, path: Path) -> DefinitionError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    cause = f"is no valid YAML: {problem}" + (f", {context}" if context else "")
    place = f"{path}:{mark.line + 1}" if mark else str(path)
    return DefinitionError(place, cause, f"edit {path}")
