"""The application: what is opened at the start, which routes there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.api import open_api
from app.database.pools import open_database
from app.health import healthz
from app.settings import Settings
from services.background import background
from services.maintenance import keep_maintained


class GraphQL:
    """Finds the API of the running application; without its lifespan there is none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a connection."""
        await scope["app"].state.api(scope, receive, send)


def create_app(settings: Settings) -> Starlette:
    """The server as an ASGI application. `settings.database_url` must be set; `app.database.located` does it.

    `app.state` has `settings` and, within the lifespan, `database` and `api`.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_database(settings) as database:
            app.state.database = database
            async with (
                open_api(settings, database) as api,
                background(keep_maintained(database), "maintenance"),
            ):
                app.state.api = api
                yield

    routes = [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/graphql", GraphQL()),
        WebSocketRoute("/graphql", GraphQL()),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.settings = settings
    return app
