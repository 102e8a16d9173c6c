"""Answers do not depend on the defaults of the database or the role."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.config.settings import Settings
from app.database.connection_pool import ConnectionPool
from app.database.pools import open_database
from migrations import run
from models.session import SESSION
from services.core.connecting import connect
from services.core.database import Database

OTHERWISE = {
    "timezone": "Asia/Tokyo",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
}


@pytest.fixture
async def otherwise(database_url: str) -> None:
    """Every default of the database is another one."""
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    for setting, value in OTHERWISE.items():
        await connection.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    await connection.close()


@pytest.fixture
async def opened(otherwise: None, settings: Settings) -> AsyncIterator[Database]:
    """The pools on it."""
    async with open_database(settings) as database:
        yield database


def test_each_setting_is_tried_here() -> None:
    assert OTHERWISE.keys() == SESSION.keys()


async def shown(fetchval: Any) -> dict[str, str]:
    return {name: await fetchval(f"SELECT current_setting('{name}')") for name in SESSION}


async def test_a_plain_connection_has_the_other_defaults(otherwise: None, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await shown(connection.fetchval) == OTHERWISE
    await connection.close()


async def test_each_connection_has_the_products_settings_and_after_a_reset_too(
    opened: Database, database_url: str
) -> None:
    for pool in (opened.reader, opened.primary, opened.autocommit):
        assert isinstance(pool, ConnectionPool)
        async with pool.acquire() as connection:
            assert await shown(connection.fetchval) == SESSION
            await connection.reset()
            assert await shown(connection.fetchval) == SESSION
    async with opened.writer.connect() as writing:
        assert await shown(lambda sql: _scalar(writing, sql)) == SESSION
    single = await connect(database_url)
    assert await shown(single.fetchval) == SESSION
    await single.close()
    async with run.connect(database_url) as migrating:
        assert await shown(lambda sql: _scalar(migrating, sql)) == SESSION


async def _scalar(connection: Any, sql: str) -> Any:
    return (await connection.exec_driver_sql(sql)).scalar_one()


async def test_floats_times_and_bytes_keep_their_form(opened: Database) -> None:
    async with opened.reader.acquire() as connection:
        found = await connection.fetchval(
            "SELECT json_build_array(0.1::float8 + 0.2, pi(), '1 day 02:03:04'::interval,"
            " '2026-01-31 12:00+09'::timestamptz, '\\x00ff'::bytea,"
            " date_trunc('day', '2026-01-31 23:00+09'::timestamptz))::text"
        )
    assert found == (
        '[0.30000000000000004, 3.141592653589793, "1 day 02:03:04", "2026-01-31T03:00:00+00:00", '
        '"\\\\x00ff", "2026-01-31T00:00:00+00:00"]'
    )
