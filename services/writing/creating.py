"""Creates rows in one statement, where the rules of their table can be said in SQL."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7

from services.core.principal import Origin
from services.writing.references import conditions_of, deciding_columns
from services.writing.rows import INPUT, Stored, require_beginning, stored_values
from services.writing.rules import BEFORE_CREATE
from services.writing.single_statement import ACTING, FIRST_PARAMETER, ORIGIN_OF_ROW, ORIGINS, Caller, traced
from services.writing.tables import TABLES, WritableTable
from services.writing.values import sql_type

_Call = tuple[Origin, Stored]
"""A request and the row that it wants."""


async def create_at_once(caller: Caller, table_name: str, given: Mapping[str, object]) -> Any:
    """The key of the new row; None when `create` has to make it, or to say why it may not be.

    What one person creates in a project at the same moment is one statement. It leaves out rows that may not
    be, and where a constraint refuses it, each row gets a statement of its own. Raises `BadInput`,
    `Forbidden` and `Conflict` for what is wrong with the values themselves.
    """
    table = TABLES[table_name]
    if table_name in BEFORE_CREATE:
        return None
    values = await stored_values(caller.principal, table, given, INPUT)
    require_beginning(table, values, INPUT)
    name = _naming(table)
    if name is not None and name not in values:
        values[name] = uuid7()
    columns = tuple(sorted(values))
    statement = _statement(table, columns, is_admin=caller.principal.is_admin)
    store = partial(_store, caller, table, statement, columns)
    call = (caller.origin, values)
    try:
        if name is None:
            return (await store([call]))[0]
        # A project that is locked holds up what is created in it, and nothing else.
        kind = (statement, caller.action, caller.principal.user_id, values.get("project_id"))
        return await caller.database.batcher.submit(kind, call, store)
    except asyncpg.IntegrityConstraintViolationError:
        return None


def _naming(table: WritableTable) -> str | None:
    """The key where it is a UUID, known before the row is; by a number no row is told from another."""
    return table.key.name if table.client_key is table.key else None


async def _store(
    caller: Caller, table: WritableTable, statement: str, columns: Sequence[str], calls: Sequence[_Call]
) -> list[Any]:
    """The key of each call's row, None for one that was not stored."""
    name = _naming(table)
    wanted: dict[object, _Call] = {}
    for call in calls:
        # Of two calls with one key the second is told by `create` whether it is the same row.
        wanted.setdefault(None if name is None else call[1][name], call)
    arrays = [[values[column] for _, values in wanted.values()] for column in columns]
    keys = await caller.change_for([origin for origin, _ in wanted.values()], statement, *arrays)
    if name is None:
        return [*keys] or [None]
    stored = set(keys)
    return [key if (key := call[1][name]) in stored and wanted[key] is call else None for call in calls]


@lru_cache(1_000)
def _statement(table: WritableTable, columns: tuple[str, ...], *, is_admin: bool) -> str:
    """What creates rows with these columns, each parameter an array.

    WITH written AS (SELECT given.*, NULL::UUID AS parent_task_id, ...
                     FROM unnest($3::uuid[], ..., $6::UUID[], ...) AS given (from_request, ..., id, ...)),
         allowed AS (SELECT written.*, set_config(...) AS actor FROM written WHERE ...),
         stored AS (INSERT INTO tasks (...) SELECT id, ... FROM allowed ... RETURNING id AS key),
         traced AS (INSERT INTO system_logs ... FROM stored JOIN allowed ON allowed.id = key)
    SELECT key FROM stored
    """
    arrays = ", ".join(
        f"${number}::{sql_type(table.table.c[name])}[]"
        for number, name in enumerate(columns, start=FIRST_PARAMETER)
    )
    names = ", ".join(columns)
    absent = "".join(
        f", NULL::{sql_type(column)} AS {column.name}"
        for column in deciding_columns(table)
        if column.name not in columns
    )
    conditions = " AND ".join(conditions_of(table, None if is_admin else "$1::int"))
    name = _naming(table)
    its_call = "true" if name is None else f"allowed.{name} = key"
    details = f"jsonb_build_object('table', '{table.name}', 'key', key)"
    return (
        f"WITH written AS (SELECT given.*{absent}"
        f" FROM unnest({ORIGINS}, {arrays}) AS given (from_request, from_address, from_agent, {names})),"
        f" allowed AS (SELECT written.*, {ACTING} AS actor FROM written WHERE {conditions}),"
        f" stored AS (INSERT INTO {table.name} ({names}) SELECT {names} FROM allowed WHERE actor IS NOT NULL"
        # A key that exists may be that of the same row, sent again.
        f" ON CONFLICT DO NOTHING RETURNING {table.key.name} AS key),"
        f" traced AS ({traced(f'stored JOIN allowed ON {its_call}', details, ORIGIN_OF_ROW)})"
        " SELECT key FROM stored"
    )
