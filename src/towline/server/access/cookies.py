"""The browser's cookie: a random value; the database knows its digest."""

from __future__ import annotations

from collections.abc import Iterable

from towline.server.settings import Settings


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name.

    On https it is bound to this host. On plain http browsers refuse that prefix or do not, so the
    name is plain, with the port: cookies are shared by all ports of a host.
    """
    return "__Host-towline" if settings.https else f"towline-{settings.port}"


def cookie_in(headers: Iterable[str], name: str) -> str | None:
    """Return the value of a cookie in ``Cookie`` headers.

    When a neighbour under the same domain has set one of the same name too, none is believed.
    """
    values = {
        value.strip()
        for header in headers
        for part in header.split(";")
        for key, _, value in [part.partition("=")]
        if key.strip() == name
    }
    return values.pop() if len(values) == 1 else None


def set_cookie(settings: Settings, value: str) -> str:
    """Return the ``Set-Cookie`` header that logs a browser in; an empty value logs it out."""
    age = round(settings.login_days * 86400) if value else 0
    secure = "; Secure" if settings.https else ""
    return f"{cookie_name(settings)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
