"""Creates rows in one statement, where the rules of their table can be said in SQL."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import asyncpg
from uuid_utils.compat import uuid7

from services.core.principal import Origin
from services.writing.action import Action, Done, Outcome, Refused, SingleStatement, Undecided
from services.writing.declaration import WritableTable
from services.writing.references import conditions_of, deciding_columns
from services.writing.rows import INPUT, Key, Stored, insert, require_beginning, stored_values
from services.writing.single_statement import (
    FIRST_PARAMETER,
    ORIGIN_OF_ROW,
    ORIGINS,
    SET_ACTOR,
    audit_insert,
)
from services.writing.tables import TABLES
from services.writing.values import sql_type

_Call = tuple[Origin, Stored]
"""A request and the row that it wants."""


async def create_row(action: Action, table_name: str, given: Mapping[str, object]) -> Key:
    """Create a row, in one statement where the rules of its table can be said in SQL, and return its key.

    `given` holds values by column name; a row whose UUID the caller chose is created once (`rows.create`).

    Raises: BadInput, NotFound, Forbidden, Conflict and QuotaExceeded, with the field.
    """
    table = TABLES[table_name]
    values = await stored_values(action.principal, table, given, INPUT, action.vault)
    match await attempt_create(action, table, values):
        case Done(key):
            return key
    async with action.transaction() as transaction:
        key = await insert(transaction, table, values, INPUT)
        transaction.details.update(table=table_name, key=key)
    return key


async def attempt_create(action: Action, table: WritableTable, values: Stored) -> Outcome[Key]:
    """Create the row in one statement, which what one person creates in a project at that moment shares.

    The statement leaves out rows that may not be, and those whose key exists; these are Undecided. Where a
    constraint refuses it, each row gets a statement of its own.

    Raises: Conflict when a row may not begin with its status.
    """
    if table.before_create is not None:
        return Undecided()
    require_beginning(table, values, INPUT)
    name = _naming(table)
    # By this key the row is told from others of the statement. It is no choice of the caller's.
    row = values if name is None or name in values else {**values, name: uuid7()}
    columns = tuple(sorted(row))
    sql = _statement(table, columns, is_admin=action.principal.is_admin)
    store = partial(_store, action, table, sql, columns)
    call = (action.origin, row)
    try:
        if name is None:
            return (await store([call]))[0]
        # A project that is locked holds up what is created in it, and nothing else.
        kind = (sql, action.name, action.principal.user_id, row.get("project_id"))
        return await action.database.batcher.submit(kind, call, store)
    except asyncpg.IntegrityConstraintViolationError as error:
        return Refused(error)


def _naming(table: WritableTable) -> str | None:
    """The key where it is a UUID, known before the row is; by a number no row is told from another."""
    return table.key.name if table.client_key is table.key else None


async def _store(
    action: Action, table: WritableTable, sql: str, columns: Sequence[str], calls: Sequence[_Call]
) -> list[Outcome[Key]]:
    """The outcome of each call's row."""
    name = _naming(table)
    wanted: dict[object, _Call] = {}
    for call in calls:
        # Of two calls with one key the second is told by `insert` whether it is the same row.
        wanted.setdefault(None if name is None else call[1][name], call)
    arrays = [[row[column] for _, row in wanted.values()] for column in columns]
    origins = [origin for origin, _ in wanted.values()]
    statement: SingleStatement[Key] = SingleStatement(sql, arrays)
    keys = await action.attempt_together(origins, statement)
    if name is None:
        return [Done(keys[0]) if keys else Undecided()]
    stored = set(keys)
    return [
        Done(key) if (key := call[1][name]) in stored and wanted[key] is call else Undecided()
        for call in calls
    ]


@lru_cache(1_000)
def _statement(table: WritableTable, columns: tuple[str, ...], *, is_admin: bool) -> str:
    """The statement that creates rows with these columns, each parameter an array.

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
        f" allowed AS (SELECT written.*, {SET_ACTOR} AS actor FROM written WHERE {conditions}),"
        f" stored AS (INSERT INTO {table.name} ({names}) SELECT {names} FROM allowed WHERE actor IS NOT NULL"
        # A key that exists may be that of the same row, sent again.
        f" ON CONFLICT DO NOTHING RETURNING {table.key.name} AS key),"
        f" traced AS ({audit_insert(f'stored JOIN allowed ON {its_call}', details, ORIGIN_OF_ROW)})"
        " SELECT key FROM stored"
    )
