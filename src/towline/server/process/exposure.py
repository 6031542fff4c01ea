"""What a server needs before anybody but this machine may reach it."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from towline.errors import DefinitionError
from towline.server.settings import Settings
from towline.store import Key, Store, User, utc_now


async def check_exposure(settings: Settings) -> None:
    """Return only when it may listen where it is asked to.

    Raises:
        DefinitionError: when others could reach it without TLS, or nobody has a way to log in.

    """
    if settings.loopback:
        return
    if settings.tls_cert is None and not settings.behind_proxy:
        raise DefinitionError(
            f"--host {settings.host}",
            "others could read keys and passwords on their way: there is no TLS",
            "add --tls-cert and --tls-key, or --behind-proxy where a proxy does TLS",
        )
    if not settings.origins:
        raise DefinitionError(
            f"--host {settings.host}",
            "the address that browsers will use is not known",
            "add --origin, such as --origin https://hpc.example.org",
        )
    if not await _somebody_can_log_in(settings):
        raise DefinitionError(
            f"--host {settings.host}",
            "no user has a password or a key yet",
            "make one first: towline user add NAME --password",
        )


async def _somebody_can_log_in(settings: Settings) -> bool:
    store = Store(settings.database_url)
    await store.open()
    try:
        async with store.session() as session:
            with_password = select(func.count()).where(
                User.disabled.is_(False), User.password.is_not(None)
            )
            with_key = (
                select(func.count())
                .select_from(Key)
                .join(User, User.name == Key.user)
                .where(
                    User.disabled.is_(False),
                    Key.revoked.is_(None),
                    or_(Key.expires.is_(None), Key.expires > utc_now()),
                )
            )
            return any([await session.scalar(with_password), await session.scalar(with_key)])
    finally:
        await store.close()
