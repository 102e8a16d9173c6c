"""Turns the values of an input into parameters for PostgreSQL, or says which one cannot be stored and why."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect

from models import spellings
from models.types import Choice
from services.core.errors import BadInput
from services.core.json_codec import OUT_OF_RANGE, read_stored, write_json
from services.core.timestamps import read_moment
from services.secrets.masking import mask_all, mask_key, off_the_loop
from services.writing.tables import WritableTable

MAX_TEXT: Final = 1_000_000
"""Characters of a text without a documented length; a request holds no more bytes."""

MAX_INDEXED_TEXT: Final = 500
"""Characters of a text that stands in a B-tree, whose entries PostgreSQL bounds at 2,704 bytes."""

Convert = Callable[[object], object]
"""From an input value that is not null to a parameter; `Unfit` says what the value has to be."""

_DIALECT: Final[Dialect] = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Unfit(ValueError):
    """A value that cannot be stored; its text goes on after "This": `must be a text`."""


async def parameters(table: WritableTable, given: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """The values of a row, given by column name, as parameters; secrets in masked columns are replaced.

    `prefix` is where the row stands in the input. Raises `BadInput` for the first value that is wrong.
    """
    stored = converted(table, given, prefix)
    await conceal(table, [stored])
    return stored


def converted(table: WritableTable, given: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """The same with the secrets still in it; `conceal` has to follow."""
    storing = _storing(table)
    stored = {}
    name = ""
    try:
        for name, value in given.items():
            stored[name] = storing[name](value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=f"{prefix}.{table.columns[name].field}") from None
    return stored


async def conceal(table: WritableTable, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the secrets in the masked columns of rows that are `converted`."""
    names = _masked_columns(table)
    given = [(row, name, text) for row in rows for name in names if (text := row.get(name)) is not None]
    if given:
        await off_the_loop(sum(len(text) for _, _, text in given), _conceal, table, given)


def _conceal(table: WritableTable, given: Sequence[tuple[dict[str, Any], str, str]]) -> None:
    json_columns = _json_columns(table)
    values = [read_stored(text) if name in json_columns else text for _, name, text in given]
    for (row, name, _), value, hidden in zip(given, values, mask_all(values), strict=True):
        if hidden == value:
            continue
        if name in json_columns:
            row[name] = write_json(hidden).decode()
        else:
            column = table.columns[name].column
            shown = mask_key(str(row[name])) if _is_unique(column) else str(hidden)
            row[name] = shown[
                : getattr(column.type, "length", None)
            ]  # the mask may be longer than what it hides


@cache
def _json_columns(table: WritableTable) -> frozenset[str]:
    return frozenset(name for name, column in table.columns.items() if isinstance(column.column.type, JSONB))


@cache
def _masked_columns(table: WritableTable) -> tuple[str, ...]:
    return tuple(name for name, column in table.columns.items() if column.masked)


@cache
def _storing(table: WritableTable) -> Mapping[str, Convert]:
    """By column name: from an input value to a parameter."""
    return {name: _or_null(column.column) for name, column in table.columns.items()}


def _or_null(column: "Column[Any]") -> Convert:
    convert = converter(column)
    if column.nullable:
        return lambda value: None if value is None else convert(value)

    def given(value: object) -> object:
        if value is None:
            raise Unfit("must not be null")
        return convert(value)

    return given


@cache
def converter(column: "Column[Any]") -> Convert:
    """How values of a column become parameters."""
    kind = column.type
    match kind:
        case Choice():
            members: type[StrEnum] = kind.enum_class
            stored = {member.value: member.value for member in members}
            return lambda value: _choice(value, stored, members)
        case JSONB():
            return json_text
        case Uuid():
            return _uuid
        case Boolean():
            return _boolean
        case DateTime():
            return _time
        case INET():
            return _address
        case Integer():
            bits = 63 if isinstance(kind, BigInteger) else 31
            return lambda value: _whole(value, 2**bits)
        case Float():
            return _number
        case String():
            longest = kind.length or (MAX_INDEXED_TEXT if _is_indexed(column) else MAX_TEXT)
            return lambda value: text(value, longest)
        case _:
            raise TypeError(f"{column} is of a type that has no place in the API")


@cache
def sql_type(column: "Column[Any]") -> str:
    """The type of a column as PostgreSQL spells it, for casts."""
    spelled = column.type.compile(_DIALECT)
    return re.sub(r"\(\d+\)", "", spelled)  # a cast to VARCHAR(50) would cut a text off silently


def text(value: object, longest: int = MAX_TEXT) -> str:
    """Text that PostgreSQL can hold."""
    if not isinstance(value, str):
        raise Unfit("must be a text")
    if "\0" in value:
        raise Unfit("holds the character NUL, which cannot be stored")
    if not value.isascii() and _SURROGATE.search(value):
        raise Unfit("holds half of a surrogate pair, which is no character")
    if len(value) > longest:
        raise Unfit(f"may be at most {longest:,} characters long, not {len(value):,}")
    return value


def require_text(value: object, field: str) -> None:
    """`BadInput` for a text that PostgreSQL cannot hold, and that goes to it by another way than a row's."""
    try:
        text(value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None


def json_text(value: object) -> str:
    """Any JSON value as JSON text."""
    try:
        encoded = write_json(value)
    except TypeError as trouble:
        raise Unfit(_json_trouble(str(trouble))) from None
    if b"\\u0000" in encoded and _ESCAPED_NUL.search(encoded):
        raise Unfit("holds the character NUL, which cannot be stored")
    return encoded.decode()


def _json_trouble(trouble: str) -> str:
    if "surrogate" in trouble:
        return "holds half of a surrogate pair, which is no character"
    if trouble == OUT_OF_RANGE:
        return "holds a number out of the range of double precision; give it as a text"
    if "ecursion" in trouble:
        return "is nested more than 254 levels deep"
    return "must be JSON"


def _choice(value: object, stored: Mapping[str, str], members: type[StrEnum]) -> str:
    if isinstance(value, str) and value in stored:  # a member is a text
        return stored[value]
    names = ", ".join(member.name for member in members)
    raise Unfit(f"must be one of {names}")


def _uuid(value: object) -> UUID:
    try:
        return value if isinstance(value, UUID) else spellings.read_uuid(_string(value))
    except ValueError:
        raise Unfit("must be a UUID") from None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _time(value: object) -> datetime:
    moment = read_moment(value)
    if moment is None:
        raise Unfit("must be a time with its offset, in 1970 or later, such as 2026-01-31T12:00:00Z")
    return moment


def _address(value: object) -> str:
    try:
        return spellings.read_address(_string(value))
    except ValueError:
        raise Unfit("must be an IP address without a zone") from None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object, beyond: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -beyond <= value < beyond:
        raise Unfit(f"must be a whole number from {-beyond:,} to {beyond - 1:,}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("must be a number")
    return float(value)


def _is_unique(column: "Column[Any]") -> bool:
    """Whether rows are told apart by the column, alone or with others."""
    table = column.table
    named = {part.name for index in table.indexes if index.unique for part in index.columns}
    if isinstance(table, Table):
        unique = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        named |= {part.name for constraint in unique for part in constraint.columns}
    return bool(column.unique) or column.name in named


def _is_indexed(column: "Column[Any]") -> bool:
    if column.table is None:
        return False
    return bool(column.unique) or any(column.name in index.columns for index in column.table.indexes)
