"""What an action answers: a page for browsers, nothing for the pages' own scripts."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response


def done(request: Request, where: str, *, leave: bool = False) -> Response:
    """Return the answer to a button.

    Args:
        request: what is answered; a script of ours says so with ``X-Quiet``.
        where: the page to go to.
        leave: also a script goes there; else its page stays and is told by its stream.

    """
    if "x-quiet" in request.headers:
        return Response(status_code=204, headers={"X-Go-To": where} if leave else {})
    return RedirectResponse(where, 303)
