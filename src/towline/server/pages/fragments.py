"""Live pages: a page's fragments are drawn again when something changes; what differs is sent.

A stream begins with all fragments whole, so that nothing between a page and its stream, or while
a stream was cut, is missed. A fragment is one element with an id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response

from towline.server.index import Change, ChangeHub
from towline.server.streams import sse

SHORTEST_PAUSE = 0.25
"""Seconds between two drawings: what changes together is sent together."""


@dataclass(frozen=True)
class Fragment:
    """One element: whole, or a frame around children that are sent one by one.

    Args:
        html: the whole element; it has the fragment's id.
        children: its parts by id, in their order; each is an element of that id within ``html``.

    """

    html: str
    children: Mapping[str, str] = field(default_factory=dict)


Fragments = Mapping[str, Fragment]
Draw = Callable[[], Awaitable[Fragments]]


def differences(before: Fragments, after: Fragments) -> dict[str, str]:
    """Return what has to be put in place of what, by id.

    The parts of a fragment are sent by themselves while they are the same ones in the same order.
    """
    found: dict[str, str] = {}
    for name, new in after.items():
        old = before.get(name)
        if old == new:
            continue
        if old is None or not new.children or list(old.children) != list(new.children):
            found[name] = new.html
        else:
            for child, html in new.children.items():
                if old.children[child] != html:
                    found[child] = html
    return found


def message(changed: Mapping[str, str]) -> bytes:
    """Return one event that puts elements in place of those with their ids."""
    parts = (
        f'<hx-partial hx-target="#{name}" hx-swap="outerMorph">{html}</hx-partial>'
        for name, html in changed.items()
    )
    return format_sse_event(data_str="".join(parts))


def stream(
    request: Request, draw: Draw, changed: Callable[[], Awaitable[object]], *, pause: float = 0.0
) -> Response:
    """Return the stream of a page.

    Args:
        request: what is answered.
        draw: draws all fragments as they are now.
        changed: waits until they may have changed.
        pause: seconds between two drawings, when more than usual.

    """
    return sse(request, _follow(draw, changed, max(pause, SHORTEST_PAUSE)))


async def _follow(
    draw: Draw, changed: Callable[[], Awaitable[object]], pause: float
) -> AsyncGenerator[bytes, None]:
    shown: Fragments = {}
    waiting = asyncio.ensure_future(_once(changed))
    await asyncio.sleep(0)  # it listens from here on
    try:
        while True:
            fragments = await draw()
            if different := differences(shown, fragments):
                yield message(different)
            shown = fragments
            await waiting
            waiting = asyncio.ensure_future(_once(changed))
            await asyncio.sleep(pause)
    finally:
        waiting.cancel()


async def _once(changed: Callable[[], Awaitable[object]]) -> None:
    await changed()


class Changes:
    """Waits for the next change of some kinds, as a stream's ``changed``.

    Args:
        hub: what is told of all changes.
        wanted: which of them matter.

    """

    def __init__(self, hub: ChangeHub, wanted: Callable[[Change], bool]) -> None:
        self._changes = hub.listen(None, wanted)

    async def __call__(self) -> None:
        """Return once there was a change."""
        await self._changes.__anext__()
