"""Checks references of rows: to rows that the caller may see or change, of the same project or person."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column

from models import change_policy, metadata
from models.change_policy import changeable
from models.policy import visible
from services.core.database import WriteConnection
from services.core.errors import BadInput, DomainError, Forbidden
from services.core.principal import Principal
from services.writing.archived import archived, archived_condition, archiving_columns
from services.writing.constraints import missing
from services.writing.declaration import Access, Reference, WritableTable
from services.writing.permissions import VIEWER, require_change
from services.writing.values import sql_type


async def verify(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    rows: Sequence[Mapping[str, object]],
    prefixes: Sequence[str],
) -> None:
    """Return when the caller may write `rows` and all that they refer to is in order; one statement then.

    A row is given by column name; what counts of it are its keys. `prefixes` name the rows in the input.
    Raises: BadInput, NotFound or Forbidden for the first row that is not in order.
    """
    columns = deciding_columns(table)
    distinct = {tuple(row.get(column.name) for column in columns) for row in rows}
    if await _count_in_order(connection, principal, table, list(distinct)) == len(distinct):
        return
    for row, prefix in zip(rows, prefixes, strict=True):
        values = tuple(row.get(column.name) for column in columns)
        if not await _count_in_order(connection, principal, table, [values]):
            raise await _explanation(connection, principal, table, row, prefix)


async def _count_in_order(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    rows: Sequence[tuple[object, ...]],
) -> int:
    columns = deciding_columns(table)
    arrays = ", ".join(f"${number}::{sql_type(column)}[]" for number, column in enumerate(columns, start=1))
    names = ", ".join(column.name for column in columns)
    conditions = conditions_of(table, None if principal.is_admin else f"${len(columns) + 1}::int")
    result = await connection.exec_driver_sql(
        f"SELECT count(*) FROM unnest({arrays}) AS written({names})"
        f" WHERE ${len(columns) + 1}::int IS NOT NULL AND {' AND '.join(conditions)}",
        (*(list(values) for values in zip(*rows, strict=True)), principal.user_id),
    )
    count: int = result.scalar_one()
    return count


@cache
def deciding_columns(table: WritableTable) -> tuple["Column[Any]", ...]:
    """The columns on which policies and references decide.

    Of a thousand log entries that say so differ in their own keys only, one has to be looked at.
    """
    named = archiving_columns(table.name) | change_policy.deciding_columns(table.name)
    for reference in table.references:
        named |= {reference.column} | reference.condition.columns
    return tuple(column for column in table.table.c if column.name in named or column.foreign_keys)


def conditions_of(table: WritableTable, viewer: str | None) -> list[str]:
    """The conditions on `written`, as SQL; `viewer` is an expression, None for an administrator."""
    references = table.references
    active = f"NOT {archived_condition(table.name, 'written')}"
    if viewer is None:
        return [active, *(reference.sql("true") for reference in references)]
    return [
        active,
        changeable(table.name, "written", viewer),
        *(reference.sql(reference.access_sql(viewer)) for reference in references),
    ]


async def _explanation(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    row: Mapping[str, object],
    prefix: str,
) -> DomainError:
    """The first thing that is wrong with the row; some of it is raised."""
    if table.belongs_by is not None and not principal.is_admin:
        column, target = table.belongs_by.parent.name, table.belongs_by.column
        field = f"{prefix}.{table.columns[column].field}"
        if row.get(column) is not None:
            await require_change(
                connection, principal, target.table.name, row[column], field=field, key_column=target.name
            )
        elif all(row.get(reference.column) is None for reference in table.references):
            return BadInput(f"Say what this {table.noun} belongs to.", field=field)
    for reference in table.references:
        if row.get(reference.column) is not None:
            field = f"{prefix}.{table.columns[reference.column].field}"
            await _require(connection, principal, table, reference, row, field)
    if await _is_true_of(connection, table, archived_condition(table.name, "written"), row):
        return archived(prefix)
    return Forbidden(f"You may not write this {table.noun}.", field=prefix)


async def require_reference(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    column: str,
    row: Mapping[str, object],
    field: str,
) -> None:
    """Return when a row of `table` may refer by `column`, which is not null in `row`, to what it names.

    `field` is the input field that named it. Raises: NotFound, Forbidden or BadInput.
    """
    reference = next(known for known in table.references if known.column == column)
    await _require(connection, principal, table, reference, row, field)


async def _require(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    reference: Reference,
    row: Mapping[str, object],
    field: str,
) -> None:
    await _require_access(connection, principal, reference, row[reference.column], field)
    if reference.sentence and not await _is_true_of(connection, table, reference.sql("true"), row):
        raise BadInput(reference.sentence, field=field)


async def _is_true_of(
    connection: WriteConnection, table: WritableTable, condition: str, row: Mapping[str, object]
) -> bool:
    """True if `condition`, SQL about `written`, holds for a row."""
    columns = deciding_columns(table)
    values = ", ".join(
        f"${number}::{sql_type(column)} AS {column.name}" for number, column in enumerate(columns, start=1)
    )
    result = await connection.exec_driver_sql(
        f"SELECT {condition} FROM (SELECT {values}) AS written",
        tuple(row.get(column.name) for column in columns),
    )
    return bool(result.scalar_one())


async def _require_access(
    connection: WriteConnection, principal: Principal, reference: Reference, key: object, field: str
) -> None:
    """Return when the caller may do with the row what the reference asks. `NotFound` or `Forbidden` else."""
    if reference.access is Access.CHANGE:
        await require_change(
            connection, principal, reference.target, key, field=field, key_column=reference.key
        )
        return
    seen = "true" if principal.is_admin else visible(reference.target, "referred", VIEWER)
    result = await connection.exec_driver_sql(
        f"SELECT 1 FROM {reference.target} AS referred"
        f" WHERE referred.{reference.key} = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        (key, principal.user_id),
    )
    if result.first() is None:
        raise missing(metadata.tables[reference.target], field)
