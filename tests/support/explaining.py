"""Plans that PostgreSQL makes and runs for the statements of queries."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

SETTINGS = {"random_page_cost": "1.1", "plan_cache_mode": "force_generic_plan"}
"""Those of every reading connection that a plan depends on (app/database/pools.py)."""


@asynccontextmanager
async def planning(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that plans as those of the server."""
    connection = await asyncpg.connect(url, server_settings=SETTINGS)
    try:
        yield connection
    finally:
        await connection.close()


async def looked_at(connection: asyncpg.Connection, table: str, sql: str, *parameters: object) -> float:
    """The number of rows of a table that a statement looks at when it runs."""
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *parameters)
    return sum(rows_of(table, orjson.loads(text)[0]["Plan"]))


def rows_of(table: str, node: dict[str, Any]) -> Iterator[float]:
    """The number of rows of a table that each part of a plan has looked at."""
    if node.get("Relation Name", "").startswith(table):
        each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield each * node["Actual Loops"]
    for inner in node.get("Plans", ()):
        yield from rows_of(table, inner)
