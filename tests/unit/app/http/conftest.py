"""The endpoint over the small schema, and a client of it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.http.endpoint import BrowserPage, GraphQLEndpoint
from gql.context import Context
from gql.request.documents import Documents
from tests.unit.app.http.small import (
    NO_DATABASE,
    POLICY,
    TOKEN,
    Client,
    FixedQuota,
    FixedTokens,
    SmallApi,
    stream,
)


@pytest.fixture
def quota() -> FixedQuota:
    return FixedQuota(NO_DATABASE)


@pytest.fixture
def api() -> SmallApi:
    return SmallApi()


@pytest.fixture
def endpoint(api: SmallApi, quota: FixedQuota) -> GraphQLEndpoint:
    return GraphQLEndpoint(
        api,
        lambda origin, principal: Context(NO_DATABASE, origin, POLICY, principal),
        FixedTokens(NO_DATABASE, POLICY),
        quota,
        Documents(),
        event_stream=stream,
        page=BrowserPage(200, b"<p>a page</p>", ((b"content-security-policy", b"default-src 'none'"),)),
        maximum_body=10_000,
    )


@pytest.fixture
async def http(endpoint: GraphQLEndpoint) -> AsyncIterator[Client]:
    """A client that is logged in and sends nothing that a test has not named."""
    transport = httpx.ASGITransport(endpoint)
    async with Client(transport=transport, base_url="http://ccgraph.test", headers=TOKEN) as opened:
        for name in ("accept", "accept-encoding"):
            del opened.headers[name]
        yield opened
