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


class Kind(Enum):
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
        """How a parameter of this kind is typed in the text: `::uuid`."""
        return f"::{_AS_TEXT.get(self.value, self.value)}"

    @property
    def array_cast(self) -> str:
        """The same for a list of values."""
        return f"::{_AS_TEXT.get(self.value, self.value).replace('::', '[]::')}[]"

    @property
    def is_number(self) -> bool:
        """Whether sums and averages make sense."""
        return self in (Kind.INT, Kind.BIGINT, Kind.FLOAT, Kind.DECIMAL)

    @property
    def is_ordered(self) -> bool:
        """Whether there is a smallest and a largest of several."""
        return self.is_number or self in (Kind.TEXT, Kind.DATETIME, Kind.DATE)


# asyncpg wants objects for inet, and writes the first and the last day that Python has as infinity; any text
# it takes as text.
_AS_TEXT: Final = MappingProxyType(
    {"varchar": "text", "inet": "text::inet", "jsonb": "text::jsonb", "date": "text::date"}
)

CONVERT: MappingProxyType[Kind, Callable[[object], object]] = MappingProxyType(
    {
        Kind.INT: conversions.integer,
        Kind.BIGINT: conversions.big_integer,
        Kind.FLOAT: conversions.number,
        Kind.DECIMAL: conversions.decimal,
        Kind.TEXT: conversions.text,
        Kind.CHOICE: conversions.text,
        Kind.UUID: conversions.uuid,
        Kind.BOOLEAN: conversions.boolean,
        Kind.DATETIME: conversions.moment,
        Kind.DATE: conversions.day_text,
        Kind.ADDRESS: conversions.address,
        Kind.JSON: conversions.json_text,
    }
)
"""How a value of each kind becomes a parameter; choices are given by name where their list is known."""

SQLALCHEMY: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (JSONB, Kind.JSON),
    (INET, Kind.ADDRESS),
    (Uuid, Kind.UUID),
    (Boolean, Kind.BOOLEAN),
    (DateTime, Kind.DATETIME),
    (Date, Kind.DATE),
    (BigInteger, Kind.BIGINT),
    (SmallInteger, Kind.INT),
    (Integer, Kind.INT),
    (Float, Kind.FLOAT),
    (Numeric, Kind.DECIMAL),
    (String, Kind.TEXT),
)


def kind_of(column_type: TypeEngine[Any]) -> Kind:
    """The kind of an SQLAlchemy type; one with `enum_class` is a choice. Raises: TypeError."""
    if hasattr(column_type, "enum_class"):
        return Kind.CHOICE
    for known, kind in SQLALCHEMY:
        if isinstance(column_type, known):
            return kind
    raise TypeError(f"{column_type!r} has no place in the API: add it to gql/planner/column_types.py")


def output(expression: str, kind: Kind, choices: type[Enum] | None = None) -> str:
    """The SQL whose JSON form is what the API promises for this kind.

    BigInt `x::text`; choices `upper(x COLLATE "C")` where the API spells them otherwise; addresses `host(x)`;
    everything else as it is: a timestamptz becomes RFC 3339 because the session's time zone is UTC.
    """
    if kind is Kind.BIGINT:
        return f"{expression}::text"
    if kind is Kind.ADDRESS:
        return f"host({expression})"
    if kind is Kind.DECIMAL:
        return f"{expression}::double precision"
    if kind is Kind.CHOICE and choices is not None:
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
