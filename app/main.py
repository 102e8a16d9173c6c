"""The application: what is opened at the start, which routes there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from app.database.pools import open_database
from app.health import healthz
from app.settings import Settings
from services.background import background
from services.maintenance import keep_maintained


def create_app(settings: Settings) -> Starlette:
    """The server as an ASGI application. `settings.database_url` must be set; `app.database.located` does it.

    `app.state.settings` and, within the lifespan, `app.state.database` are there for the routes.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_database(settings) as database:
            app.state.database = database
            async with background(keep_maintained(database), "maintenance"):
                yield

    app = Starlette(routes=[Route("/healthz", healthz, methods=["GET"])], lifespan=lifespan)
    app.state.settings = settings
    return app
