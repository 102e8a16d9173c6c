"""Puts the API together for one process: what has to be open, and the endpoints on top of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from starlette.types import Receive, Scope, Send

from app.errors import StartupError
from app.graphiql.page import Ide
from app.graphql import GraphQLEndpoint
from app.settings import Settings
from gql.context import Context
from gql.documents import Documents, read_trusted
from gql.limits import Limits
from gql.operations import Api
from gql.schema import build_schema
from services.authentication import Authenticator
from services.database import Database
from services.principal import Origin, Principal
from services.rate_limits import ApiCalls
from services.tokens import TokenPolicy


@dataclass(frozen=True, slots=True)
class ApiEndpoint:
    """/graphql in all its transports."""

    http: GraphQLEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self.http(scope, receive, send)


@asynccontextmanager
async def open_api(settings: Settings, database: Database, ide: Ide | None) -> AsyncIterator[ApiEndpoint]:
    """The endpoint, with all that it needs running beside it until the block ends."""
    async with AsyncExitStack() as stack:
        tokens = TokenPolicy(
            settings.signing_key(),
            timedelta(minutes=settings.access_token_minutes),
            timedelta(days=settings.refresh_token_days),
        )
        api_calls = ApiCalls(database)
        stack.push_async_callback(api_calls.close)
        api = Api(*build_schema(), _limits(settings), introspection=settings.introspection)

        def open_context(origin: Origin, principal: Principal | None) -> Context:
            return Context(database, origin, tokens, principal)

        yield ApiEndpoint(
            GraphQLEndpoint(
                api,
                open_context,
                Authenticator(database, tokens),
                api_calls,
                _documents(settings),
                ide=ide,
                maximum_body=settings.maximum_body,
                maximum_batch=settings.maximum_batch,
            )
        )


def _limits(settings: Settings) -> Limits:
    return Limits(
        depth=settings.maximum_depth,
        aliases=settings.maximum_aliases,
        tokens=settings.maximum_tokens,
        cost=settings.maximum_cost,
    )


def _documents(settings: Settings) -> Documents:
    if settings.trusted_documents is None:
        return Documents(automatic=settings.persisted_queries)
    try:
        return Documents(read_trusted(settings.trusted_documents))
    except ValueError as error:
        raise StartupError(f"CCGRAPH_TRUSTED_DOCUMENTS is wrong: {error}.") from None
