"""`GET /healthz`."""

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from services.core.database import Database
from tests.support.server import TestServer
from tests.support.serving import LiveServer
from tests.support.statements import Statements
from tests.support.waiting import PATIENCE


async def test_it_is_well_when_the_database_answers(
    client: httpx.AsyncClient, statements: Statements
) -> None:
    statements.clear()
    response = await client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok"}
    assert statements == ["SELECT 1"]


async def test_it_is_unavailable_when_the_database_is_gone(client: httpx.AsyncClient, app: Starlette) -> None:
    await app.state.database.primary.close()
    response = await client.get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "unavailable"}


async def test_only_get_asks_for_health(client: httpx.AsyncClient) -> None:
    assert (await client.post("/healthz")).status_code == 405


async def test_a_live_server_answers_on_its_socket(live_server: LiveServer) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        assert (await client.get(f"{live_server.url}/healthz")).json()["status"] == "ok"


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE kept (n int)"))

    async def insert_and_fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO kept VALUES (1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await insert_and_fail()
    assert await database.reader.fetchval("SELECT count(*) FROM kept") == 0


@pytest.mark.parametrize("number", range(20))
async def test_every_test_has_a_database_of_its_own(
    database: Database, postgres: TestServer, number: int
) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE mine (n int)"))
