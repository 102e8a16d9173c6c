"""Two copies of a database, on which the same calls are served in two ways."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

import models
from app.config.settings import Settings
from app.database.pools import open_database
from services.core.database import Database
from tests.support.clusters import TEMPLATE
from tests.support.server import TestServer

T = TypeVar("T")

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UNLIKE = (
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "(token)"),
    (r"\$argon2[^\"\s\\]+", "(hash)"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:\d\d)?)?", "(time)"),
    (r"(?![0-9A-F-]{36}\b)[\w+/=-]{32,}", "(secret)"),
    (r"\b[0-9a-f]{16}\b", "(id of an error)"),
    (r'("waited(?:Ms|_ms)": ?)"?\d+"?', r"\1(duration)"),
)
_TABLES = [table.name for table in models.metadata.sorted_tables if not table.info.get("view")]


class Likeness:
    """Answers and rows as they are the same on both: keys made since, times and secrets differ.

    Keys that the copies had from the beginning stay what they are.
    """

    def __init__(self, known: set[str]) -> None:
        self._known = known

    def of(self, value: Any) -> str:
        """Text that is equal for what is alike."""
        text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
        text = re.sub(_UUID, lambda found: self._key(found[0]), text)
        for pattern, name in _UNLIKE:
            text = re.sub(pattern, name, text)
        return text

    def _key(self, key: str) -> str:
        return key.upper() if key in self._known else "(key)"


async def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table as JSON, but for ids of transactions."""
    parts = " UNION ALL ".join(
        f"SELECT '{table}' AS place, (to_jsonb(t) - 'xid')::text AS content FROM {table} t"
        for table in _TABLES
    )
    found: dict[str, list[str]] = {table: [] for table in _TABLES}
    async with database.writer.connect() as connection:
        for row in (await connection.exec_driver_sql(parts)).mappings():
            found[row["place"]].append(row["content"])
    return found


def keys_in(rows: dict[str, list[str]]) -> set[str]:
    """All UUIDs in them."""
    return {key for content in rows.values() for row in content for key in re.findall(_UUID, row)}


def without_numbers(row: str) -> str:
    """The row without numbers that PostgreSQL gave it: attempts that failed leave gaps between them."""
    return re.sub(r'"(id|seq|key|row_key)": "?\d+"?', r'"\1": (number)', row)


async def alike(
    likeness: Likeness, one: Database, other: Database, say: Callable[[str], str] = lambda row: row
) -> list[str]:
    """Differences between the rows of both, as `say` has them, a line for each; none if they are alike."""
    here, there = await contents(one), await contents(other)
    differences = []
    for table in _TABLES:
        mine, theirs = (Counter(likeness.of(say(row)) for row in found[table]) for found in (here, there))
        differences += [f"{table}, only here: {row}" for row in mine - theirs]
        differences += [f"{table}, only there: {row}" for row in theirs - mine]
    return differences


@asynccontextmanager
async def twins(
    postgres: TestServer, settings: Settings, fill: Callable[[Database], Awaitable[T]]
) -> AsyncIterator[tuple[T, Database, Database]]:
    """The result of `fill` on a database, and two copies of that."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(_copy(postgres, TEMPLATE))
        async with open_database(_on(settings, first)) as database:
            filled = await fill(database)
        pair = []
        for _ in range(2):
            url = await stack.enter_async_context(_copy(postgres, urlsplit(first).path.strip("/")))
            pair.append(await stack.enter_async_context(open_database(_on(settings, url))))
        yield filled, pair[0], pair[1]


@asynccontextmanager
async def _copy(postgres: TestServer, template: str) -> AsyncIterator[str]:
    """The server's own connection has a loop of its own, which no other may run in the same thread."""
    clone = postgres.clone(template)
    url = await asyncio.to_thread(clone.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(clone.__exit__, None, None, None)


def _on(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(url)})
