"""What every request passes before any route: right Host, no foreign page behind it, safe headers.

Host: a page of somebody else's whose name was made to point at this machine (DNS rebinding) names
itself there. Sec-Fetch-Site and Origin: a browser says which page sent a request; a foreign one may
follow a link here, and nothing else. Sec-Fetch-Mode says nothing about where a request is from.
"""

from __future__ import annotations

import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towline.server.problems import ProblemError, from_status, problem
from towline.server.settings import Settings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
"""Set where an answer has none of its own."""

log = logging.getLogger("towline.server")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = settings.host_names
        self._headers = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
        if settings.https:
            hsts = (b"strict-transport-security", b"max-age=31536000")
            self._headers.append(hsts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        refused = refuse(scope, self._hosts)
        if scope["type"] == "websocket":
            if refused is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refused.code})
            return

        plain: ProblemError | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal plain
            if message["type"] == "http.response.start":
                if message["status"] >= 400 and (plain := _of_plain_text(message)) is not None:
                    message = {**message, "headers": plain.response().raw_headers}
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in self._headers if name not in own),
                ]
                _log(scope, message["status"], time.perf_counter() - began)
            elif plain is not None:  # what the framework has said in its own words
                message = {"type": "http.response.body", "body": bytes(plain.response().body)}
            await send(message)

        answer = self._app if refused is None else refused.response()
        await answer(scope, receive, send_with_headers)


def refuse(scope: Scope, hosts: frozenset[str]) -> ProblemError | None:
    """Return why a request is refused; None when it may pass.

    Args:
        scope: the request as ASGI has it.
        hosts: the names that it may use for this server, without ports.

    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or _name_of(host) not in hosts:
        return problem(
            400,
            "wrong-host",
            thing="the request",
            cause="this server does not answer to the name in Host",
            next_step="start it with --origin and the address that browsers use",
        )
    origin = headers.get("origin")
    if scope["type"] == "websocket":
        return None if origin is None or _is_own(origin, host) else _foreign()
    site = headers.get("sec-fetch-site")
    if site is not None:
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        return None if site in _OURS or navigates else _foreign()
    if scope["method"] in _SAFE_METHODS or origin is None or _is_own(origin, host):
        return None
    return _foreign()


def _foreign() -> ProblemError:
    return problem(
        403,
        "foreign-origin",
        thing="the request",
        cause="it comes from a page of another origin",
        next_step="programs send no Origin and no Sec-Fetch-Site; pages must be this server's own",
    )


def _name_of(host: str) -> str:
    """Return a Host header's name, without its port; empty when it is none."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.netloc != host or "@" in host or (parts.port is not None and parts.port < 1):
            return ""
        return parts.hostname or ""
    except ValueError:
        return ""


def _is_own(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


def _of_plain_text(start: Message) -> ProblemError | None:
    """Return a problem in place of a refusal in plain text: a body over its limit has one."""
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return from_status(start["status"]) if kind.startswith("text/plain") else None


def _log(scope: Scope, status: int, seconds: float) -> None:
    """Log what changed something or went wrong; never a query, which may hold what is private."""
    method = scope["method"]
    if status < 400 and method in _SAFE_METHODS:
        return
    path = scope["path"][:200].encode("unicode_escape").decode("ascii")
    log.info("%s %s %d %.0f ms", method[:10], path, status, seconds * 1000)
