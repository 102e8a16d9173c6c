"""Types of columns: how each is read, how it is compared, how the API calls it."""

from collections.abc import Callable
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.types import TypeEngine

from gql.planner import conversions


class ColumnType(Enum):
    """The kinds of column; the value is the type to which PostgreSQL is told to convert a parameter."""

    INT = "int"
    BIGINT = "bigint"
    FLOAT = "double precision"
    DECIMAL = "numeric"
    TEXT = "text"
    CHOICE = "varchar"
    UUID = "uuid"
    BOOLEAN = "boolean"
    DATETIME = "timestamptz"
    DATE = "date"
    ADDRESS = "inet"
    JSON = "jsonb"

    @property
    def cast(self) -> str:
        """The cast that gives a parameter this type in the statement: `::uuid`."""
        return f"::{_AS_TEXT.get(self.value, self.value)}"

    @property
    def array_cast(self) -> str:
        """The same for a list of values."""
        return f"::{_AS_TEXT.get(self.value, self.value).replace('::', '[]::')}[]"

    @property
    def is_number(self) -> bool:
        """True if sums and averages of the type make sense."""
        return self in (ColumnType.INT, ColumnType.BIGINT, ColumnType.FLOAT, ColumnType.DECIMAL)

    @property
    def is_ordered(self) -> bool:
        """True if values of the type have a smallest and a largest."""
        return self.is_number or self in (ColumnType.TEXT, ColumnType.DATETIME, ColumnType.DATE)


# asyncpg wants objects for inet, and writes the first and the last day that Python has as infinity; any text
# it takes as text.
_AS_TEXT: Final = MappingProxyType(
    {"varchar": "text", "inet": "text::inet", "jsonb": "text::jsonb", "date": "text::date"}
)

CONVERT: MappingProxyType[ColumnType, Callable[[object], object]] = MappingProxyType(
    {
        ColumnType.INT: conversions.integer,
        ColumnType.BIGINT: conversions.big_integer,
        ColumnType.FLOAT: conversions.number,
        ColumnType.DECIMAL: conversions.decimal,
        ColumnType.TEXT: conversions.text,
        ColumnType.CHOICE: conversions.text,
        ColumnType.UUID: conversions.uuid,
        ColumnType.BOOLEAN: conversions.boolean,
        ColumnType.DATETIME: conversions.moment,
        ColumnType.DATE: conversions.day_text,
        ColumnType.ADDRESS: conversions.address,
        ColumnType.JSON: conversions.json_text,
    }
)
"""How a value of each kind becomes a parameter; choices are given by name where their list is known."""

SQLALCHEMY: tuple[tuple[type[TypeEngine[Any]], ColumnType], ...] = (
    (JSONB, ColumnType.JSON),
    (INET, ColumnType.ADDRESS),
    (Uuid, ColumnType.UUID),
    (Boolean, ColumnType.BOOLEAN),
    (DateTime, ColumnType.DATETIME),
    (Date, ColumnType.DATE),
    (BigInteger, ColumnType.BIGINT),
    (SmallInteger, ColumnType.INT),
    (Integer, ColumnType.INT),
    (Float, ColumnType.FLOAT),
    (Numeric, ColumnType.DECIMAL),
    (String, ColumnType.TEXT),
)


def kind_of(column_type: TypeEngine[Any]) -> ColumnType:
    """The kind of an SQLAlchemy type; one with `enum_class` is a choice. Raises: TypeError."""
    if hasattr(column_type, "enum_class"):
        return ColumnType.CHOICE
    for known, kind in SQLALCHEMY:
        if isinstance(column_type, known):
            return kind
    raise TypeError(f"{column_type!r} has no place in the API: add it to gql/planner/column_types.py")


def output(expression: str, kind: ColumnType, choices: type[Enum] | None = None) -> str:
    """The SQL whose JSON form is what the API promises for this kind.

    BigInt `x::text`; choices `upper(x COLLATE "C")` where the API spells them otherwise; addresses `host(x)`;
    everything else as it is: a timestamptz becomes RFC 3339 because the session's time zone is UTC.
    """
    if kind is ColumnType.BIGINT:
        return f"{expression}::text"
    if kind is ColumnType.ADDRESS:
        return f"host({expression})"
    if kind is ColumnType.DECIMAL:
        return f"{expression}::double precision"
    if kind is ColumnType.CHOICE and choices is not None:
        return _choice(expression, choices)
    return expression


def _choice(expression: str, choices: type[Enum]) -> str:
    if all(member.name == member.value for member in choices):
        return expression
    if all(member.name == str(member.value).upper() for member in choices):
        return f'upper({expression} COLLATE "C")'
    if all(member.name == str(member.value).upper().replace("-", "_") for member in choices):
        return f"""upper(translate({expression}, '-', '_') COLLATE "C")"""
    cases = " ".join(f"WHEN '{member.value}' THEN '{member.name}'" for member in choices)
    return f"CASE {expression} {cases} END"
