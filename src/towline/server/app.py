"""The application: middleware, routes and what runs beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from towline.server import problems
from towline.server.access.guard import Guard
from towline.server.api import ROUTERS
from towline.server.openapi import describe
from towline.server.pages import FIRST, PAGES
from towline.server.parts import PARTS, Part
from towline.server.services import Services
from towline.server.settings import Settings


def create_app(settings: Settings, parts: Sequence[Part] = PARTS) -> FastAPI:
    """Return the application; nothing is opened before its lifespan begins.

    Args:
        settings: how it runs.
        parts: what runs beside it.

    """
    services = Services(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await services.store.open()
                stack.push_async_callback(services.store.close)
                await stack.enter_async_context(services.access.running())
                for part in parts:
                    await stack.enter_async_context(part(services))
            except Exception as error:
                app.state.start_error = error  # uvicorn logs it; whoever started it wants words
                raise
            yield

    app = FastAPI(
        title="Towline",
        version=version("towline"),
        lifespan=lifespan,
        openapi_url=None,  # served by a route with a rule, as all others are
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    problems.install(app)
    for router in (*FIRST, *ROUTERS, *PAGES):
        # Not include_router: a flat list is matched in one pass.
        app.router.routes.extend(router.routes)
    app.add_middleware(Guard, settings=settings)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app
