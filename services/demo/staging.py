"""Long tables of the demo, made beside the real ones over connections of their own and attached in the end.

Rows are copied into partitions that nothing rests on, each partition gets all its indexes in one go once its
rows are there, and foreign keys are checked by a join when it is attached. That takes a third of the time of
maintaining them row by row, and several connections share the work.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg

from services.core.errors import Conflict

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Another = Callable[[], Awaitable[Connection]]
"""Opens a further connection to the database that is being loaded."""

SCHEMA = "ccgraph_demo_load"
"""Where partitions are made; it is gone when the load has ended, and begun anew where one was killed."""

_BUILDERS = 2
"""Connections that make indexes at the same time."""

_SETTINGS = (
    "SET statement_timeout = 0; SET synchronous_commit = off;"
    " SET maintenance_work_mem = '256MB'; SET max_parallel_maintenance_workers = 0"
)


@dataclass(frozen=True, slots=True)
class Month:
    """A partition: its name, its bounds as PostgreSQL writes them, and how it is stored.

    `options` are the storage parameters, separated by commas.
    """

    name: str
    bounds: str
    condition: str
    options: str
    comment: str

    @property
    def storage(self) -> str:
        """The statement that stores the made partition as the real one is."""
        return f"ALTER TABLE {SCHEMA}.{self.name} SET ({self.options});" if self.options else ""


@dataclass(frozen=True, slots=True)
class Model:
    """A partitioned table as it stands, with everything that its partitions need.

    `keys` are definitions of constraints, `indexes` what follows the table's name in CREATE INDEX, with
    whether it is a unique one.
    """

    table: str
    key: str
    months: tuple[Month, ...]
    keys: tuple[str, ...]
    indexes: tuple[tuple[bool, str], ...]


@dataclass(slots=True)
class Stage:
    """The connections that work, and the partitions that wait for their indexes."""

    copying: Connection
    builders: list[Connection]
    waiting: asyncio.Queue[tuple[Model, Month] | None] = field(default_factory=asyncio.Queue)

    async def make(self, model: Model) -> None:
        """Make the table's partitions, without anything that rows have to be checked or sorted for.

        Autovacuum would read them at once, while their indexes have to wait for it.
        """
        staged = f"{SCHEMA}.{model.table}"
        like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS"
        await self.copying.execute(
            f"CREATE TABLE {staged} (LIKE {model.table} INCLUDING DEFAULTS) PARTITION BY RANGE ({model.key})"
        )
        for month in model.months:
            await self.copying.execute(
                f"""
                CREATE TABLE {SCHEMA}.{month.name} (LIKE {model.table} {like});
                ALTER TABLE {SCHEMA}.{month.name} SET (autovacuum_enabled = false);
                COMMENT ON TABLE {SCHEMA}.{month.name} IS {month.comment};
                ALTER TABLE {SCHEMA}.{month.name} ADD CONSTRAINT within_month CHECK ({month.condition});
                ALTER TABLE {staged} ATTACH PARTITION {SCHEMA}.{month.name} {month.bounds};
                """
            )

    def filled(self, model: Model) -> None:
        """Every row is there: let the indexes be made."""
        for month in model.months:
            self.waiting.put_nowait((model, month))

    def end(self) -> None:
        """No further partition will come."""
        for _ in self.builders:
            self.waiting.put_nowait(None)

    async def build(self, connection: Connection, built: Callable[[Model], None]) -> None:
        """Make indexes as long as partitions come."""
        while (next_one := await self.waiting.get()) is not None:
            model, month = next_one
            partition = f"{SCHEMA}.{month.name}"
            for key in model.keys:
                await connection.execute(f"ALTER TABLE {partition} ADD {key}")
            for unique, definition in model.indexes:
                made = "CREATE UNIQUE INDEX" if unique else "CREATE INDEX"
                await connection.execute(f"{made} ON {partition} {definition}")
            await without_vector_statistics(connection, partition)
            built(model)


@asynccontextmanager
async def staging(another: Another) -> AsyncIterator[Stage]:
    """An empty schema and connections to fill it. It is gone when the block has ended.

    Raises:
        Conflict: the role may not create a schema.
    """
    async with AsyncExitStack() as stack:
        copying = await _opened(stack, another)
        try:
            await copying.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        except asyncpg.InsufficientPrivilegeError:
            raise Conflict(
                "Loading a demo of this scale takes a role that may create a schema. Let its owner run "
                "`GRANT CREATE ON DATABASE ... TO ...`, or load a smaller scale."
            ) from None
        stack.push_async_callback(_remove, another)
        yield Stage(copying, [await _opened(stack, another) for _ in range(_BUILDERS)])


async def _opened(stack: AsyncExitStack, another: Another) -> Connection:
    connection = await another()
    stack.callback(connection.terminate)
    await connection.execute(_SETTINGS)
    return connection


async def _remove(another: Another) -> None:
    """Drop the schema, after whatever still worked in it has been told to stop."""
    with suppress(asyncpg.PostgresError, OSError):
        connection = await another()
        try:
            await connection.execute(f"SET lock_timeout = '60s'; DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        finally:
            await connection.close()


async def model_of(connection: Connection, table: str) -> Model:
    """The properties that the table's partitions for whole months share, and these partitions."""
    key = await connection.fetchval("SELECT pg_get_partkeydef($1::text::regclass)", table)
    months = await connection.fetch(
        """
        SELECT relname AS name, pg_get_expr(relpartbound, pg_class.oid) AS bounds,
            pg_get_partition_constraintdef(pg_class.oid) AS condition,
            COALESCE(array_to_string(reloptions, ', '), '') AS options,
            quote_nullable(obj_description(pg_class.oid, 'pg_class')) AS comment
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = $1::text::regclass AND pg_get_expr(relpartbound, pg_class.oid) <> 'DEFAULT'
        ORDER BY relname
        """,
        table,
    )
    keys = await connection.fetch(
        """
        SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u') ORDER BY conname
        """,
        table,
    )
    indexes = await connection.fetch(
        """
        SELECT indisunique AS "unique", pg_get_indexdef(indexrelid) AS definition FROM pg_index
        WHERE indrelid = $1::text::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
        ORDER BY indexrelid
        """,
        table,
    )
    return Model(
        table,
        re.sub(r"^RANGE \((.*)\)$", r"\1", key),
        tuple(Month(**dict(month)) for month in months),
        tuple(key["definition"] for key in keys),
        tuple((index["unique"], "USING " + index["definition"].partition(" USING ")[2]) for index in indexes),
    )


async def without_vector_statistics(connection: Connection, table: str) -> None:
    """Spare ANALYZE the vectors of a search index, as `ccgraph_create_partition` does."""
    searched = await connection.fetch(
        """
        SELECT indexrelid::regclass::text AS name FROM pg_index
        WHERE indrelid = $1::text::regclass AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
        """,
        table,
    )
    for index in searched:
        await connection.execute(f"ALTER INDEX {index['name']} ALTER COLUMN 1 SET STATISTICS 0")


async def attach(connection: Connection, model: Model) -> None:
    """Put the filled partitions in the places of the empty ones, in the transaction of `connection`."""
    schema = await connection.fetchval("SELECT quote_ident(current_schema)")
    for month in model.months:
        await connection.execute(
            f"""
            ALTER TABLE {model.table} DETACH PARTITION {month.name};
            DROP TABLE {month.name};
            ALTER TABLE {SCHEMA}.{model.table} DETACH PARTITION {SCHEMA}.{month.name};
            ALTER TABLE {SCHEMA}.{month.name} RESET (autovacuum_enabled);
            {month.storage}
            ALTER TABLE {SCHEMA}.{month.name} SET SCHEMA {schema};
            ALTER TABLE {model.table} ATTACH PARTITION {month.name} {month.bounds};
            ALTER TABLE {month.name} DROP CONSTRAINT within_month;
            """
        )
