"""A server whose database has odd values in every column, and a client that looks at the shape of answers."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema

from app.config.settings import Settings
from gql.schema import build_schema
from services.core.database import Database
from tests.acceptance.subscriptions.conftest import token
from tests.support.plain.texts import exact, written
from tests.support.server import TestServer
from tests.support.serving import LiveServer
from tests.support.shapes import Shapes
from tests.support.waiting import PATIENCE

SCHEMA: GraphQLSchema = build_schema()[0]._schema


@pytest.fixture
def database_url(embedded_postgres: TestServer, odd_template: str) -> Iterator[str]:
    """In place of an empty one."""
    with embedded_postgres.clone(odd_template) as url:
        yield url


@pytest.fixture
async def administrator(database: Database, settings: Settings) -> str:
    """The token of a person who sees every row."""
    async with database.writer.connect() as connection:
        row = (
            await connection.exec_driver_sql("SELECT id FROM users WHERE username = 'administrator'")
        ).one()
    return await token(database, settings, row.id)


class Client:
    """Asks over HTTP and collects what is wrong with the shape of answers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.shapes = Shapes(SCHEMA)
        self._client = client

    async def ask(self, query: str, **variables: Any) -> Any:
        """`data`, which may lack fields that errors tell of; those are wrong, too."""
        body = written({"query": query, "variables": variables})
        response = await self._client.post("/graphql", content=body)
        answer = exact(response.content)
        if "errors" in answer:
            message = answer["errors"][0]["message"]
            self.shapes.note(message, f"{answer['errors']} to {query[:1500]} with {written(variables)[:500]}")
        else:
            self.shapes.check(query, answer["data"])
        return answer.get("data")


@pytest.fixture
async def asking(live_server: LiveServer, administrator: str) -> AsyncIterator[Client]:
    """An administrator."""
    headers = {"authorization": f"Bearer {administrator}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE, headers=headers) as client:
        yield Client(client)
