"""Logging browsers in and out: by a link that works once, or by a password."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

from towline.server.access import passwords
from towline.server.access.directory import Directory
from towline.server.access.keys import digest_of
from towline.server.access.limits import Limit
from towline.server.problems import ProblemError, problem
from towline.store import Login, User, utc_now

LINK_SECONDS = 300.0
_LINKS_AT_ONCE = 100


@dataclass(frozen=True)
class _Link:
    user: str
    expires: float


class Logins:
    """The log-ins of one server.

    Args:
        directory: who there is.
        days: how long a browser stays logged in.

    """

    def __init__(self, directory: Directory, days: float) -> None:
        self._directory = directory
        self._days = days
        self._links: dict[str, _Link] = {}
        self._by_both = Limit(10, 600)
        self._by_address = Limit(50, 600)
        self._by_name = Limit(100, 600)

    def make_link(self, user: str) -> str:
        """Return a token that logs this user in, once, within five minutes."""
        now = time.monotonic()
        self._links = {key: link for key, link in self._links.items() if link.expires > now}
        while len(self._links) >= _LINKS_AT_ONCE:
            del self._links[next(iter(self._links))]
        token = secrets.token_urlsafe(32)
        self._links[digest_of(token)] = _Link(user, now + LINK_SECONDS)
        return token

    async def by_link(self, token: str, old_cookie: str | None = None) -> str:
        """Return the value of a new cookie for a link's token.

        Raises:
            ProblemError: 401 when the token was used, is over, or was never made.

        """
        link = self._links.pop(digest_of(token), None)
        user = self._directory.users.get(link.user) if link else None
        if link is None or link.expires <= time.monotonic() or user is None or user.disabled:
            raise problem(
                401,
                "link-over",
                thing="the log-in link",
                cause="it was used before, or is older than five minutes",
                next_step="towline up prints a new one",
            )
        return await self._begin(user.name, "start-link", old_cookie)

    async def by_password(
        self, name: str, password: str, address: str, old_cookie: str | None = None
    ) -> str:
        """Return the value of a new cookie for a name and a password.

        Raises:
            ProblemError: 401 when they do not fit; 429 after too many tries.

        """
        self._count(name, address)
        user = self._directory.users.get(name)
        kept = user.password if user is not None and not user.disabled else None
        if not await passwords.fits(password, kept):
            raise problem(
                401,
                "wrong-password",
                thing="the log-in",
                cause="name and password do not fit",
                next_step="an administrator sets a new one: towline user set NAME --password",
            )
        self._by_both.forgive(f"{name}@{address}")
        return await self._begin(name, "password", old_cookie)

    def _count(self, name: str, address: str) -> None:
        """Count a try; a stranger elsewhere does not lock a user out before a hundred of them."""
        tries = (
            (self._by_both, f"{name}@{address}"),
            (self._by_address, address),
            (self._by_name, name),
        )
        if wait := max(limit.wait_seconds(key) for limit, key in tries):
            raise _too_many(wait)
        for limit, key in tries:
            limit.count(key)

    async def end(self, cookie: str) -> None:
        """Log one browser out."""
        row = self._directory.logins.get(digest_of(cookie))
        if row is not None:
            await self._directory.forget([row])

    async def end_all(self, user: str) -> None:
        """Log all browsers of a user out."""
        rows = [row for row in self._directory.logins.values() if row.user == user]
        await self._directory.forget(rows)

    async def set_password(self, user: User, password: str) -> None:
        """Change a password; who was logged in with the old one no longer is."""
        await self._directory.change(user, password=await passwords.hashed(password))
        await self.end_all(user.name)

    async def change_password(self, user: User, old: str | None, new: str, address: str) -> None:
        """Change one's own password; the old one is asked for, and all browsers are logged out.

        Raises:
            ProblemError: 403 when the old one is wrong; 429 after too many tries.

        """
        if user.password is not None:
            self._count(user.name, address)
            if not await passwords.fits(old or "", user.password):
                raise problem(
                    403,
                    "wrong-password",
                    thing="the old password",
                    cause="does not fit",
                    next_step="an administrator sets a new one: towline user set NAME --password",
                )
        await self.set_password(user, new)

    async def _begin(self, user: str, via: str, old_cookie: str | None) -> str:
        """Make a new cookie; the one that came along is over, so that nobody can plant one."""
        if old_cookie:
            await self.end(old_cookie)
        await self._directory.forget_expired()
        value = secrets.token_urlsafe(32)
        now = utc_now()
        expires = now + timedelta(days=self._days)
        await self._directory.save(
            Login(digest=digest_of(value), user=user, via=via, created=now, expires=expires)
        )
        return value


def _too_many(seconds: int) -> ProblemError:
    return problem(
        429,
        "too-many-tries",
        thing="the log-in",
        cause="too many tries",
        next_step=f"try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )
