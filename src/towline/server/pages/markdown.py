"""A README as HTML that does no harm: no raw HTML, no pictures or scripts of others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 200_000
"""Characters; what is behind them is left out, and said to be."""


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    reader.enable("table").enable("strikethrough").disable("html_inline").disable("html_block")
    reader.add_render_rule("image", _picture)
    reader.add_render_rule("link_open", _link)
    return reader


def html_of(text: str) -> Markup:
    """Return Markdown as HTML; its headings begin below the page's own."""
    shown = text[:LONGEST]
    made = Markup(_lowered(_reader().render(shown)))  # noqa: S704 - made without raw HTML
    if len(text) > LONGEST:
        made += Markup("<p>{}</p>").format("… the rest is left out here.")
    return made


def _picture(_: Any, tokens: Sequence[Any], index: int, *_more: Any) -> str:
    words = tokens[index].content or "picture"
    return f'<span class="dim">[{escape(words)}]</span>'


def _link(reader: Any, tokens: Sequence[Any], index: int, options: Any, _env: Any) -> str:
    token = tokens[index]
    href = str(token.attrGet("href") or "")
    if not href.startswith(("https://", "http://", "mailto:", "#")):
        token.attrSet("href", "#")  # a path in the workflow's folder leads nowhere here
    token.attrSet("rel", "noopener noreferrer")
    return str(reader.renderToken(tokens, index, options, {}))


def _lowered(html: str) -> str:
    for level in (5, 4, 3, 2, 1):
        html = html.replace(f"<h{level}>", f"<h{level + 1}>")
        html = html.replace(f"</h{level}>", f"</h{level + 1}>")
    return html
