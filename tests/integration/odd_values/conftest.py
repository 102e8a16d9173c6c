"""A database with odd values in every column, somebody who asks, and plain SQL that knows the answers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.request.limits import Limits
from services.core.database import Database
from services.core.json_codec import read_json
from services.core.principal import Origin, Principal
from tests.integration.reading.conftest import CATALOG, POLICY, SCHEMA
from tests.support.plain.texts import Texts, exact, written

UNBOUNDED = Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12)
NOT_READ = "the body is not JSON"
API = Api(SCHEMA, CATALOG, UNBOUNDED)


class OddAsker:
    """Asks as one person and keeps every digit of the answer."""

    def __init__(self, database: Database, principal: Principal) -> None:
        self.database = database
        self.principal = principal

    async def response(self, query: str, variables: Any = None) -> Any:
        """The whole response."""
        context = Context(self.database, Origin(), POLICY, self.principal)
        try:
            given = read_json(written(variables)) if variables else None  # as a transport reads a request
        except json.JSONDecodeError as error:
            return {"errors": [{"message": error.msg, "extensions": {"code": NOT_READ}}]}
        return exact((await API.execute(OperationRequest(query, given), context)).body)

    async def data(self, query: str, variables: Any = None) -> Any:
        """`data`, or the errors in its place."""
        response = await self.response(query, variables)
        return response["data"] if "errors" not in response else {"errors": response["errors"]}


def refused(data: Any) -> bool:
    """Whether the answer is a clear refusal of a value."""
    errors = data.get("errors") or [{}]
    codes = {(error.get("extensions") or {}).get("code") for error in errors}
    return codes <= {NOT_READ, "BAD_USER_INPUT"}


@pytest.fixture
def database_url(odd_url: str) -> str:
    """In place of an empty one."""
    return odd_url


@pytest.fixture
async def texts(database_url: str) -> AsyncIterator[Texts]:
    """What plain SQL says."""
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    yield Texts(connection, CATALOG)
    await connection.close()


@pytest.fixture
async def asker(database: Database) -> OddAsker:
    """An administrator, who sees every row."""
    async with database.writer.connect() as connection:
        row = (
            await connection.exec_driver_sql("SELECT id FROM users WHERE username = 'administrator'")
        ).one()
    return OddAsker(database, Principal(row.id, "administrator", is_admin=True))
