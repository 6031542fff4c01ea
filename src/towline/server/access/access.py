"""Who is calling, found out from a key or a cookie without asking the database."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.requests import HTTPConnection

from towline.server.access.actions import ALL_SCOPES, Role, Scope
from towline.server.access.caller import Caller
from towline.server.access.cookies import cookie_in, cookie_name
from towline.server.access.directory import Directory
from towline.server.access.keys import LOCAL_ID, digest_of, key_id_of, key_in, make_key
from towline.server.access.local_key import local_key_file
from towline.server.access.logins import Logins
from towline.server.access.principal import Principal
from towline.server.problems import ProblemError, problem
from towline.server.settings import Settings
from towline.store import Store, User, utc_now

_WRITE_LAST_USED_SECONDS = 30.0

log = logging.getLogger("towline.server")


class Access:
    """Knows everybody who may come in.

    Args:
        store: where users and keys are kept.
        settings: the server's.

    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self.directory = Directory(store)
        self.local_key = make_key(LOCAL_ID)
        """Of the user who runs the server; new at each start."""
        self.logins = Logins(self.directory, settings.login_days)
        self._cookie_name = cookie_name(settings)
        self._known: dict[str, tuple[Caller, datetime | None, str | None]] = {}
        self._known_version = 0
        self._last_used: dict[str, datetime] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load who there is; write now and then when their keys were used last."""
        await self.directory.load()
        await self._be_there_for_myself()
        writing = asyncio.create_task(self._write_last_used())
        try:
            with local_key_file(self.settings.folder, self.local_key.text):
                yield
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            await self._flush()

    async def caller(self, request: HTTPConnection) -> Caller:
        """Return who sends this request.

        Raises:
            ProblemError: 401 when nobody who is known does.

        """
        if authorization := request.headers.get("authorization"):
            key = key_in(authorization)
            found = self._by_key(key) if key else None
            if found is None:
                raise _not_signed_in("this key is unknown, revoked or expired")
            return found
        cookie = cookie_in(request.headers.getlist("cookie"), self._cookie_name)
        found = self._by_cookie(cookie) if cookie else None
        if found is None:
            if "key" in request.query_params:
                raise _not_signed_in(
                    "a key in the URL is not taken, as URLs are kept in logs; send it as the "
                    "header 'Authorization: Bearer KEY'"
                )
            raise _not_signed_in("no key and no log-in came with it")
        return found

    async def still_valid(self, request: HTTPConnection) -> bool:
        """Return whether the one who sent this request would still be let in, as they were then.

        Who has lost a right, or has a new one, asks anew: an open stream is not looked through
        for what may still be seen.
        """
        try:
            now = await self.caller(request)
        except ProblemError:
            return False
        before: Caller | None = request.scope.get("towline.caller")
        return before is None or before.rights == now.rights

    def caller_for(self, user: User, *, scopes: frozenset[Scope], via: str) -> Caller:
        """Return a user as a caller."""
        principal = Principal(user.name, Role(user.role), scopes, via)
        granted = self.directory.granted_to(user.name)
        return Caller(principal, granted, self.directory.owner_of)

    def _by_key(self, key: str) -> Caller | None:
        digest = digest_of(key)
        if (known := self._recall(digest)) is not None:
            return known
        if hmac.compare_digest(digest, self.local_key.digest):
            me = User(name=getpass.getuser(), role=Role.ADMIN.value)
            caller = self.caller_for(me, scopes=ALL_SCOPES, via="local")
            return self._keep(digest, caller, None, None)
        row = self.directory.keys.get(key_id_of(key) or "")
        if row is None or not hmac.compare_digest(row.digest, digest):
            return None
        user = self.directory.users.get(row.user)
        over = row.revoked is not None or (row.expires is not None and row.expires <= utc_now())
        if over or user is None or user.disabled:
            return None
        scopes = frozenset(Scope(scope) for scope in row.scopes)
        caller = self.caller_for(user, scopes=scopes, via=f"key:{row.id}")
        self._last_used[row.id] = utc_now()
        return self._keep(digest, caller, row.expires, row.id)

    def _by_cookie(self, value: str) -> Caller | None:
        digest = digest_of(value)
        if (known := self._recall(digest)) is not None:
            return known
        row = self.directory.logins.get(digest)
        user = self.directory.users.get(row.user) if row else None
        if row is None or row.expires <= utc_now() or user is None or user.disabled:
            return None
        caller = self.caller_for(user, scopes=ALL_SCOPES, via="cookie")
        return self._keep(digest, caller, row.expires, None)

    def _recall(self, digest: str) -> Caller | None:
        """Return a caller found before, while nothing in the directory has changed since."""
        if self._known_version != self.directory.version:
            self._known.clear()
            self._known_version = self.directory.version
        found = self._known.get(digest)
        if found is None:
            return None
        caller, expires, key_id = found
        now = utc_now()
        if expires is not None and expires <= now:
            return None
        if key_id is not None:
            self._last_used[key_id] = now
        return caller

    def _keep(
        self, digest: str, caller: Caller, expires: datetime | None, key_id: str | None
    ) -> Caller:
        self._known[digest] = (caller, expires, key_id)
        return caller

    async def _be_there_for_myself(self) -> None:
        """Make an account for the user who runs the server, who is its administrator."""
        me = getpass.getuser()
        if me not in self.directory.users:
            await self.directory.save(
                User(name=me, role=Role.ADMIN.value, disabled=False, created=utc_now())
            )

    async def _write_last_used(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_LAST_USED_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        used, self._last_used = self._last_used, {}
        if not used:
            return
        try:
            await self.directory.used(used)
        except Exception as error:  # a full disk, say: worth a line, and another try later
            log.warning("when keys were used last is not written: %s", error)
            self._last_used = {**used, **self._last_used}


def _not_signed_in(cause: str) -> ProblemError:
    return problem(
        401,
        "not-signed-in",
        thing="the request",
        cause=cause,
        next_step="send Authorization: Bearer tl_…; make a key: towline key create NAME",
        headers={"WWW-Authenticate": 'Bearer realm="towline"'},
    )
