"""What went wrong, as a page: what, why, and what to do next."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from towline.server.pages.rendering import page
from towline.server.problems import ProblemError

_TITLES = {
    401: "You are signed out",
    403: "Not allowed",
    404: "Not here",
    405: "Not this way",
    409: "Not now",
    413: "Too large",
    422: "Something is wrong with what was sent",
    429: "Too many tries",
    500: "Towline has a fault",
    502: "Out of reach",
    503: "Not ready",
    504: "No answer in time",
    507: "The server's disk",
}


def is_for_a_page(request: Request) -> bool:
    """Return whether a browser shows the answer as a page."""
    if request.url.path.startswith("/api/") or "x-quiet" in request.headers:
        return False
    if (mode := request.headers.get("sec-fetch-mode")) is not None:
        return mode == "navigate"
    return request.headers.get("accept", "").startswith("text/html")


def error_page(request: Request, error: ProblemError) -> Response:
    """Return the page of an error; whoever is not signed in is asked to."""
    if error.status == 401 and request.method in ("GET", "HEAD"):
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        behind = f"?next={quote(where)}" if where != "/" else ""
        return RedirectResponse(f"/login{behind}", 303, headers={"Cache-Control": "no-store"})
    title = _TITLES.get(error.status, "That did not work")
    answer = page(request, "error.html", error.status, title=title, error=error)
    for name, value in error.headers.items():
        answer.headers[name] = value
    return answer
