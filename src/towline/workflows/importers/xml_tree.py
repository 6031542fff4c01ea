"""Read an XML file of somebody else's: with line numbers, and without what XML can be abused for.

A document type declaration is refused, so there are no entities to expand and nothing to fetch;
size, depth and number of elements have limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from towline.errors import DefinitionError

LARGEST_BYTES = 1 << 20
DEEPEST = 40
MOST_ELEMENTS = 20_000


@dataclass
class Element:
    """One element, with the line on which it begins; its text is that between its children."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def of(self, *tags: str) -> Iterator[Element]:
        """Yield the children of some kinds, in their order."""
        return (child for child in self.children if child.tag in tags)


def read_xml(path: Path) -> Element:
    """Return the root of an XML file.

    Raises:
        DefinitionError: it cannot be read, is too large, or is not well-formed (with the line).

    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise DefinitionError(str(path), f"cannot be read: {error.strerror}") from error
    return parse_xml(data, str(path))


def parse_xml(data: bytes, name: str) -> Element:
    """Return the root of an XML text; ``name`` only serves the messages. Raises as `read_xml`."""
    if len(data) > LARGEST_BYTES:
        raise DefinitionError(name, f"is larger than {LARGEST_BYTES >> 20} MB: no form is so long")
    builder = _Builder(name)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DefinitionError(
            f"{name}:{error.lineno}",
            f"is not well-formed XML: {expat.ErrorString(error.code)} (column {error.offset + 1})",
            "correct it, and import again",
        ) from error
    except (LookupError, UnicodeError) as error:
        raise DefinitionError(name, f"its encoding is not known here: {error}") from error
    assert builder.root is not None, "expat demands an element"  # noqa: S101
    return builder.root


def is_true(text: str | None) -> bool:
    """Return whether an attribute says yes."""
    return (text or "").strip().lower() in ("true", "yes", "1")


class _Builder:
    """Makes the tree while expat reads."""

    def __init__(self, name: str) -> None:
        self.root: Element | None = None
        self._name = name
        self._open: list[Element] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _place(self) -> str:
        return f"{self._name}:{self.parser.CurrentLineNumber}"

    def _doctype(self, *_: object) -> None:
        raise DefinitionError(
            self._place(),
            "declares a document type (<!DOCTYPE>), which no workflow form needs",
            "remove the declaration and its entities",
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEEPEST:
            raise DefinitionError(self._place(), f"has elements more than {DEEPEST} deep")
        if self._count > MOST_ELEMENTS:
            raise DefinitionError(self._place(), f"has more than {MOST_ELEMENTS} elements")
        element = Element(tag, self.parser.CurrentLineNumber, dict(attributes))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text
