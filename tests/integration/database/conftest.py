"""Every test of this folder runs on the embedded PostgreSQL and, where it is installed, on PostgreSQL 15."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.integration.database.catalog import Connection
from tests.support.postgres15 import Postgres15, postgres15_server
from tests.support.server import TestServer


@pytest.fixture(scope="session")
def postgres15(cluster15: Path) -> Iterator[Postgres15]:
    """PostgreSQL 15, started by the first test that needs it."""
    with postgres15_server(cluster15) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", pytest.param("15", marks=pytest.mark.postgres15)])
def postgres(request: pytest.FixtureRequest, embedded_postgres: TestServer) -> TestServer | Postgres15:
    """The server that a test runs on; both of them stay up for the whole run."""
    if request.param == "embedded":
        return embedded_postgres
    server: Postgres15 = request.getfixturevalue("postgres15")
    return server


@pytest.fixture(scope="session")
def shared_url(postgres: TestServer | Postgres15) -> Iterator[str]:
    """A migrated database for tests that leave no trace."""
    with postgres.clone() as url:
        yield url


@pytest.fixture
async def passing(shared_url: str) -> AsyncIterator[Connection]:
    """A connection to the shared database in a transaction that is rolled back after the test."""
    connection = await asyncpg.connect(shared_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()
