"""Connections for tests that speak SQL."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.integration.database.catalog import Connection
from tests.support.server import TestServer


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Connection]:
    """One connection to the test's own database, outside of any transaction."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def shared_url(postgres: TestServer) -> Iterator[str]:
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
