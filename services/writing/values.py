"""Turns the values of an input into parameters for PostgreSQL, or says which one cannot be stored and why."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Dialect, Float, Integer, String, Uuid
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect

from models.types import Choice
from services.errors import BadInput
from services.moments import read_moment
from services.secrets.masking import mask_text, masked, may_hold_secret
from services.writing.tables import WritableColumn, WritableTable

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


def parameters(table: WritableTable, given: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """The values of a row, given by column name, as parameters; secrets in masked columns are replaced.

    `prefix` is where the row stands in the input. Raises `BadInput` for the first value that is wrong.
    """
    return {name: _stored(table.columns[name], value, prefix) for name, value in given.items()}


def _stored(column: WritableColumn, value: object, prefix: str) -> object:
    stored = parameter(column.column, value, f"{prefix}.{column.field}")
    if not column.masked or not isinstance(stored, str):
        return stored
    if isinstance(column.column.type, JSONB):
        return masked(value, stored.encode()).decode()
    return mask_text(stored) if may_hold_secret(stored.encode()) else stored


def parameter(column: "Column[Any]", value: object, field: str) -> object:
    """`value` as the parameter of a statement; None is NULL. `BadInput` names `field` and what to give."""
    if value is None:
        if column.nullable:
            return None
        raise BadInput("This must not be null.", field=field)
    try:
        return converter(column)(value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None


@cache
def converter(column: "Column[Any]") -> Convert:
    """How values of a column become parameters."""
    kind = column.type
    match kind:
        case Choice():
            return lambda value: _choice(value, kind.enum_class)
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


def json_text(value: object) -> str:
    """Any JSON value as JSON text."""
    try:
        encoded = orjson.dumps(value)
    except TypeError as trouble:
        raise Unfit(_json_trouble(str(trouble))) from None
    if b"\\u0000" in encoded and _ESCAPED_NUL.search(encoded):
        raise Unfit("holds the character NUL, which cannot be stored")
    return encoded.decode()


def _json_trouble(trouble: str) -> str:
    if "surrogate" in trouble:
        return "holds half of a surrogate pair, which is no character"
    if "64-bit" in trouble:
        return "holds a whole number of more than 64 bits; give it as a text"
    if "ecursion" in trouble:
        return "is nested more than 254 levels deep"
    return "must be JSON"


def _choice(value: object, members: type[StrEnum]) -> str:
    try:
        return members(text(value)).value
    except ValueError:
        names = ", ".join(member.name for member in members)
        raise Unfit(f"must be one of {names}") from None


def _uuid(value: object) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value if isinstance(value, str) else "")
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
        return str(ipaddress.ip_interface(value if isinstance(value, str) else ""))
    except ValueError:
        raise Unfit("must be an IP address") from None


def _whole(value: object, beyond: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -beyond <= value < beyond:
        raise Unfit(f"must be a whole number from {-beyond:,} to {beyond - 1:,}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("must be a number")
    return float(value)


def _is_indexed(column: "Column[Any]") -> bool:
    if column.table is None:
        return False
    return bool(column.unique) or any(column.name in index.columns for index in column.table.indexes)
