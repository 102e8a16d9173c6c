"""A small fleet, and somebody who asks about it."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import asyncpg
import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.context import Context
from gql.execution.api import Api, OperationRequest, OperationResult
from gql.schema import build_schema
from models import policy
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin, Principal
from tests.support.cast import add_cast
from tests.support.factories import AnyRow
from tests.support.narrowing import narrowed
from tests.support.plain.rows import World, read_world
from tests.support.plain.visibility import Seer
from tests.support.statements import Statements
from tests.support.world import make_world

SCHEMA, CATALOG = build_schema()
POLICY = TokenPolicy("k" * 32)
Json: TypeAlias = Any


async def ask(api: Api, context: Context, query: str, variables: dict[str, Any] | None = None) -> Json:
    """`data` of a response without errors."""
    result = await api.execute(OperationRequest(query, variables), context)
    response = orjson.loads(result.body)
    assert "errors" not in response, response["errors"]
    return response["data"]


class Asker:
    """Asks as somebody, over one of the two paths."""

    def __init__(self, api: Api, database: Database, statements: Statements) -> None:
        self.api = api
        self.database = database
        self.statements = statements

    async def execute(self, query: str, viewer: AnyRow | None, **variables: object) -> OperationResult:
        """The response as transports get it. `viewer` is a row of users."""
        return await self.api.execute(OperationRequest(query, variables or None), self.context(viewer))

    def context(self, viewer: AnyRow | None) -> Context:
        """What an operation of this person runs in."""
        principal = viewer and Principal(viewer.id, viewer.username, bool(viewer.is_admin))
        return Context(self.database, Origin(), POLICY, principal)

    async def ask(self, query: str, viewer: AnyRow, **variables: object) -> Json:
        """`data` of a response without errors, which took one statement at most."""
        self.statements.clear()
        data = await ask(self.api, self.context(viewer), query, variables or None)
        assert len(self.planned) <= 1
        return data

    @property
    def planned(self) -> list[str]:
        """The statements that were sent, without what asyncpg asks about types on a new connection."""
        return [text for text in self.statements if "pg_catalog.pg_type" not in text and "'jit'" not in text]

    async def refusal(self, query: str, viewer: AnyRow | None, **variables: object) -> Json:
        """The one error of an operation that was refused before anything ran."""
        self.statements.clear()
        result = await self.execute(query, viewer, **variables)
        response = orjson.loads(result.body)
        assert not result.executed
        assert "data" not in response
        assert not self.planned
        (error,) = response["errors"]
        return error


@pytest.fixture(params=[True, False], ids=["prepared", "general"])
def asker(request: pytest.FixtureRequest, database: Database, statements: Statements) -> Asker:
    """One test, both paths."""
    return Asker(Api(SCHEMA, CATALOG, prepared=request.param), database, statements)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """Writes that are committed one by one, so that the reader sees them."""
    async with database.writer.connect() as opened:
        yield await opened.execution_options(isolation_level="AUTOCOMMIT")


@dataclass
class Stage:
    """A random world with people of every kind in it, and the database as each of them may know it."""

    database: Database
    url: str
    world: World
    people: dict[str, Seer]
    _opened: AsyncExitStack = field(default_factory=AsyncExitStack)
    _narrowed: dict[Seer, Database] = field(default_factory=dict)

    async def narrowed(self, seer: Seer) -> Database:
        """The database without whatever the seer may not see."""
        if seer not in self._narrowed:
            reader = await self._opened.enter_async_context(narrowed(self.url, self.world, seer))
            self._narrowed[seer] = replace(self.database, reader=reader, primary=reader)
        return self._narrowed[seer]

    async def close(self) -> None:
        """Forget what was narrowed."""
        await self._opened.aclose()


@pytest.fixture(params=[(11, policy.SMALL), (12, 1)], ids=["few", "many"])
async def stage(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    connection: AsyncConnection,
    database_url: str,
) -> AsyncIterator[Stage]:
    """Worlds in which all that anybody sees of a long table counts as few rows, or two of them as many."""
    seed, few = request.param
    monkeypatch.setattr(policy, "SMALL", few)
    await make_world(connection, seed)
    cast = await add_cast(connection, random.Random(seed))
    reader = await asyncpg.connect(database_url)
    world = await read_world(reader, CATALOG)
    await reader.close()
    people = {f"person {row['id']}": Seer(row["id"], bool(row["is_admin"])) for row in world.rows["User"][:9]}
    people |= {kind: Seer(row.id, bool(row.is_admin)) for kind, row in cast.items()}
    made = Stage(database, database_url, world, people)
    yield made
    await made.close()


def context(database: Database, seer: Seer) -> Context:
    """What an operation of this person runs in."""
    return Context(database, Origin(), POLICY, Principal(seer.user_id, "x", seer.is_admin))
