"""A violated constraint as an input field and a sentence; no constraint's name leaves this module."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.exc import DBAPIError

from models.names import camel, noun_of
from services.core.database_errors import driver_error
from services.core.errors import BadInput, Conflict, DomainError, NotFound
from services.writing.tables import TABLES


@contextmanager
def explained(table: Table, prefix: str, *, deleting: bool = False) -> Iterator[None]:
    """Turns a constraint that the block violates into a domain error for an input under `prefix`."""
    try:
        yield
    except (DBAPIError, asyncpg.PostgresError) as error:
        explanation = _explain(driver_error(error), table, prefix, deleting=deleting)
        if explanation is None:
            raise
        raise explanation from None


def _explain(
    refusal: BaseException | None, table: Table, prefix: str, *, deleting: bool
) -> DomainError | None:
    match refusal:
        case asyncpg.UniqueViolationError():
            return _not_unique(table, refusal.constraint_name or "", prefix)
        case asyncpg.ForeignKeyViolationError() if deleting:
            return Conflict("Other rows still refer to this one; delete them first.", field=f"{prefix}.id")
        case asyncpg.ForeignKeyViolationError():
            return _dangling(table, refusal.constraint_name or "", prefix)
        case asyncpg.NotNullViolationError():
            return BadInput("This must be given.", field=_place(table, refusal.column_name or "", prefix))
        case asyncpg.CheckViolationError():
            return _outside(table, refusal.constraint_name or "", prefix)
        case _:
            return None


def _not_unique(table: Table, constraint: str, prefix: str) -> Conflict:
    unique: dict[object, list[str]] = {
        found.name: [column.name for column in found.columns]
        for found in table.constraints
        if isinstance(found, UniqueConstraint)
    }
    unique.update({index.name: [column.name for column in index.columns] for index in table.indexes})
    columns = unique.get(constraint, [])
    places = [_place(table, column, prefix) for column in columns]
    names = " and ".join(place.rpartition(".")[2] for place in places)
    return Conflict(
        f"Another row already has this {names or 'value'}; choose a different one.",
        field=places[-1] if places else prefix,
    )


def _dangling(table: Table, constraint: str, prefix: str) -> NotFound:
    for found in table.constraints:
        if isinstance(found, ForeignKeyConstraint) and found.name == constraint:
            (element,) = found.elements
            return missing(element.column.table, _place(table, element.parent.name, prefix))
    return NotFound("A row that this one refers to does not exist.", field=prefix)


def _outside(table: Table, constraint: str, prefix: str) -> BadInput:
    for found in table.constraints:
        if isinstance(found, CheckConstraint) and found.name == constraint and "sentence" in found.info:
            return BadInput(found.info["sentence"], field=_place(table, found.info["column"], prefix))
    return BadInput("This is not one of the values that may be given.", field=prefix)


def missing(table: Table, field: str) -> NotFound:
    """The answer for a row that does not exist or that the caller may not see."""
    noun = noun_of(table.name)
    return NotFound(f"There is no {noun} with this key that you may see.", field=field)


def _place(table: Table, column: str, prefix: str) -> str:
    writable = TABLES.get(table.name)
    if writable is not None and column in writable.columns:
        return f"{prefix}.{writable.columns[column].field}"
    return f"{prefix}.{camel(column)}"
