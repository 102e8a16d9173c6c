"""Creates a row in one statement, where the rules of its table can be said in SQL."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.at_once import ACTING, FIRST_PARAMETER, Caller, traced
from services.writing.references import conditions_of, deciding_columns
from services.writing.rows import INPUT, require_beginning, stored_values
from services.writing.rules import BEFORE_CREATE
from services.writing.tables import TABLES, WritableTable
from services.writing.values import sql_type


async def create_at_once(caller: Caller, table_name: str, given: Mapping[str, object]) -> Any:
    """The key of the new row; None when `create` has to make it, or to say why it may not be.

    Raises `BadInput`, `Forbidden` and `Conflict` for what is wrong with the values themselves.
    """
    table = TABLES[table_name]
    if table_name in BEFORE_CREATE:
        return None
    values = stored_values(caller.principal, table, given, INPUT)
    require_beginning(table, values, INPUT)
    statement = _statement(table, tuple(values), is_admin=caller.principal.is_admin)
    return await caller.change(statement, *values.values())


@lru_cache(1_000)
def _statement(table: WritableTable, columns: tuple[str, ...], *, is_admin: bool) -> str:
    """What creates a row with these columns.

    WITH written AS (SELECT $6::UUID AS project_id, NULL::UUID AS parent_task_id, ...),
         allowed AS (SELECT set_config(...) AS actor FROM written WHERE ...),
         stored AS (INSERT INTO tasks (...) SELECT $6::UUID, ... FROM allowed ... RETURNING id AS key),
         traced AS (INSERT INTO system_logs ...)
    SELECT key FROM stored
    """
    places = {
        name: f"${number}::{sql_type(table.table.c[name])}"
        for number, name in enumerate(columns, start=FIRST_PARAMETER)
    }
    deciding = ", ".join(
        f"{places.get(column.name, f'NULL::{sql_type(column)}')} AS {column.name}"
        for column in deciding_columns(table)
    )
    conditions = " AND ".join(conditions_of(table, None if is_admin else "$1::int"))
    details = f"jsonb_build_object('table', '{table.name}', 'key', key)"
    return (
        f"WITH written AS (SELECT {deciding}),"
        f" allowed AS (SELECT {ACTING} AS actor FROM written WHERE {conditions}),"
        f" stored AS (INSERT INTO {table.name} ({', '.join(columns)})"
        f" SELECT {', '.join(places.values())} FROM allowed WHERE actor IS NOT NULL"
        # A key that exists may be that of the same row, sent again.
        f" ON CONFLICT DO NOTHING RETURNING {table.key.name} AS key),"
        f" traced AS ({traced('stored', details)})"
        " SELECT key FROM stored"
    )
