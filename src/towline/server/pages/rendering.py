"""A page's HTML: templates that escape everything, under a policy that runs nothing inline."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from towline.server.access.actions import Action
from towline.server.pages import static, words

TEMPLATES = Path(__file__).parent.parent / "templates"

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
    "frame-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

NOTHING = Markup('<span class="none">\N{EN DASH}</span>')


@cache
def environment() -> Environment:
    """Return the templates; what they are given is escaped unless it is `Markup`."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static=static.address, Action=Action, moment=moment, span=span)
    made.filters.update(ticks=ticks)
    made.filters.update(
        duration=words.duration, size=words.size, counted=words.count, iso=words.iso
    )
    return made


def moment(seconds: float | None) -> Markup:
    """Return a time: how long ago, with the exact one on hover."""
    if seconds is None:
        return NOTHING
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(
        words.iso(seconds), words.exact(seconds), words.ago(seconds, time.time())
    )


def span(begin: float | None, seconds: float | None) -> Markup:
    """Return how long something took, or has been going on since ``begin``."""
    if seconds is not None:
        return Markup("<span>{}</span>").format(words.duration(seconds))
    if begin is None:
        return NOTHING
    passed = words.duration(max(0.0, time.time() - begin))
    return Markup('<time datetime="{}" data-since>{}</time>').format(words.iso(begin), passed)


def ticks(text: str) -> Markup:
    """Return a sentence with what stands between backticks as code."""
    parts = (escape(part) for part in str(text).split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part
        for index, part in enumerate(parts)
    )


def partial(template: str, macro: str, *arguments: Any) -> str:
    """Return what one macro of a template makes: a fragment of a page."""
    module = environment().get_template(template).module
    return str(getattr(module, macro)(*arguments)).strip()


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a whole page.

    Args:
        request: what is answered; who asks is known from it.
        template: its file.
        status: HTTP status.
        **context: what the template shows.

    """
    caller = request.scope.get("towline.caller")
    text = (
        environment().get_template(template).render(caller=caller, path=request.url.path, **context)
    )
    return HTMLResponse(
        text,
        status,
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"},
    )
