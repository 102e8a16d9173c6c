"""What a statement is found to read is all that it needs: PostgreSQL takes it without everything else."""

import asyncpg
import pytest
from hypothesis import note
from hypothesis.strategies import DataObject, booleans

from gql.planner.table_dependencies import Reads, reads
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from gql.schema import build_schema
from models import metadata
from models.operation_counts import COUNTS
from models.search import SEARCHES
from services.core.database import Database
from tests.support.drawing import Loop, drive, examples
from tests.support.plain.rows import read_world
from tests.support.queries import QueryWriter
from tests.support.world import make_world

EXAMPLES = examples(25)
SCHEMA, CATALOG = build_schema()
UNBOUNDED = Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12)

COUNTING = {counts.table for counts in COUNTS.values()}
TEXTS = {search.texts.table for search in SEARCHES.values() if search.texts is not None}


async def without_the_rest(connection: "asyncpg.Connection[asyncpg.Record]", sql: str, found: Reads) -> None:
    """Prepare the statement where every other table and column has another name."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(
            "\n".join(
                f"ALTER TABLE {table.name} RENAME COLUMN {column.name} TO gone_{column.name};"
                for table in metadata.sorted_tables
                if table.name not in COUNTING  # a count of the table that it counts
                if table.name not in TEXTS  # and a text of the table that has it
                if not table.info.get("view")
                for column in table.columns
                if column.name not in found.columns.get(table.name, ())
            )
        )
        await connection.prepare(sql)
    finally:
        await transaction.rollback()


async def test_a_statement_needs_no_column_that_it_was_not_found_to_read(
    database: Database, database_url: str
) -> None:
    async with database.writer.begin() as writer:
        await make_world(writer, seed=1)
    connection = await asyncpg.connect(database_url)
    world = await read_world(connection, CATALOG)

    def compare(draw: DataObject, loop: Loop) -> None:
        query = QueryWriter(SCHEMA._schema, CATALOG, world, draw).write()
        is_admin = draw.draw(booleans())
        operation = Preparation(SCHEMA._schema, UNBOUNDED).operation(query.text, None)
        variables = operation.variables(SCHEMA._schema, query.variables).coerced
        plan = operation.root_plan(CATALOG, variables, is_admin=is_admin).plan
        if plan is None:
            return
        found = reads(plan.sql)
        note(f"{plan}\n{found}")
        loop.wait(without_the_rest(connection, plan.sql, found))

    await drive(compare, EXAMPLES)
    await connection.close()


async def test_a_statement_fails_without_a_column_that_it_reads(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    sql = "SELECT task$1.name FROM tasks AS task$1"
    await without_the_rest(connection, sql, reads(sql))
    with pytest.raises(asyncpg.UndefinedColumnError):
        await without_the_rest(connection, sql, Reads({"tasks": frozenset({"id"})}))
    await connection.close()
