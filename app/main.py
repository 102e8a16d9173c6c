"""The application: what is opened at the start, which routes there are."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import ApiEndpoint, open_api
from app.backup.schedule import keep_backed_up, wanted
from app.config.settings import Settings
from app.dashboard.pages import Dashboard
from app.dashboard.sessions import ROUTES as SESSION_ROUTES
from app.database.pools import open_database
from app.health import healthz
from app.ingest.endpoint import PREFIXES
from app.maintenance import scheduled
from app.mcp.call import HEADER
from app.playing import demo_played
from services.core.background import Supervisor
from services.demo.live import Pacing

GRAPHQL = "/graphql"
MCP = "/mcp"


class Application(Starlette):
    """Starlette, but for the doors that are asked most: middleware and routing would cost a request more than
    its login does. `doors` answer for their paths, with what middleware they need around them. No page of a
    browser calls the receivers (`ingest`), so they have none.
    """

    def __init__(self, doors: dict[str, ASGIApp], ingest: ASGIApp, **options: Any) -> None:
        super().__init__(**options)
        self.doors = doors
        self._ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, a connection, or the lifespan."""
        path: str = scope.get("path", "")
        door = self.doors.get(path)
        if door is not None:
            await door(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(PREFIXES):
            await self._ingest(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class GraphQL:
    """The API of the running application; without its lifespan there is none."""

    api: ApiEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a connection."""
        endpoint = self.api.websocket if scope["type"] == "websocket" else self.api.http
        await endpoint(scope, receive, send)

    async def ingest(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request to the receivers."""
        await self.api.ingest(scope, receive, send)


class Mcp:
    """Agents' door to the running application."""

    api: ApiEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self.api.mcp(scope, receive, send)


def create_app(settings: Settings, live_demo: Pacing | None = None) -> Application:
    """The server as an ASGI application. `settings.database_url` must be set; `app.database.located` does it.

    With `live_demo` the demo of the database is played beside it.

    `app.state` has `settings`, the `supervisor` of side tasks and, within the lifespan, `database` and `api`.
    """
    dashboard = Dashboard() if settings.serves_dashboard else None
    page = dashboard.graphiql if dashboard and settings.graphiql else None
    graphql, mcp = GraphQL(), Mcp()
    supervisor = Supervisor()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_database(settings) as database:
            app.state.database = database
            async with (
                open_api(settings, database, page, supervisor) as api,
                scheduled(settings, database, supervisor),
                _backups(settings, supervisor),
                demo_played(settings, database, supervisor, live_demo),
            ):
                app.state.api = graphql.api = mcp.api = api
                yield

    routes = [
        Route("/healthz", healthz, methods=["GET"]),
        Route(GRAPHQL, graphql),  # which are never reached, but let /graphql/ and /mcp/ be redirected
        Route(MCP, mcp),
        *(SESSION_ROUTES if dashboard else ()),
    ]
    middleware = _middleware(settings)
    doors: dict[str, ASGIApp] = {GRAPHQL: graphql, MCP: mcp}
    for cls, arguments, options in middleware:
        doors = {path: cls(door, *arguments, **options) for path, door in doors.items()}
    app = Application(doors, graphql.ingest, routes=routes, middleware=middleware, lifespan=lifespan)
    if dashboard is not None:
        app.router.default = dashboard
    app.state.settings = settings
    app.state.supervisor = supervisor
    return app


def _backups(settings: Settings, supervisor: Supervisor) -> AbstractAsyncContextManager[object]:
    """The side task that makes backups, where the settings want it."""
    if not wanted(settings):
        return nullcontext()
    return supervisor.running(partial(keep_backed_up, settings), "backup")


_BOTH_WAYS = ("ccgraph-position", "x-request-id")


def _middleware(settings: Settings) -> list[Middleware]:
    """CORS where origins are allowed; tokens travel in a header, so cookies are never allowed."""
    if not settings.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                *_BOTH_WAYS,
                *("authorization", "content-type", "last-event-id"),
                *("mcp-protocol-version", "mcp-method", "mcp-name", HEADER.lower()),
            ],
            expose_headers=[*_BOTH_WAYS, "retry-after", "www-authenticate", "x-socket-id"],
            max_age=7200,
        )
    ]
