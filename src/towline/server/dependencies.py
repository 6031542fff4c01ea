"""What a handler asks for by the type of its argument."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from towline.server.access.caller import Caller
from towline.server.services import Services


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _caller(request: Request) -> Caller:
    return cast(Caller, request.scope["towline.caller"])


ServicesDep = Annotated[Services, Depends(_services)]
CallerDep = Annotated[Caller, Depends(_caller)]
"""Only on routes whose rule is not public: the rule has found out who is calling."""
