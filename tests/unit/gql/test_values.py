"""A value is read alike wherever it is given: in a filter, an input, a key, a variable of its scalar."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import INET, JSONB

from gql.planner.column_types import CONVERT, ColumnType
from gql.scalars import SCALARS, BigInt
from models.types import Choice
from services.core.json_codec import exact_number
from services.writing.values import converter


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


TABLE: Final = Table(
    "things",
    MetaData(),
    Column("int", Integer),
    Column("bigint", BigInteger),
    Column("float", Float),
    Column("text", Text),
    Column("name", String(255)),
    Column("uuid", Uuid),
    Column("boolean", Boolean),
    Column("datetime", DateTime(timezone=True)),
    Column("address", INET),
    Column("json", JSONB),
)
SCALAR: Final = {
    ColumnType.UUID: UUID,
    ColumnType.BIGINT: BigInt,
    ColumnType.DATETIME: datetime,
    ColumnType.DATE: date,
}

KEY: Final = UUID("01a222f7-4add-761d-a184-4e4825881001")
NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHOLE: Final = {0: 0, -7: -7, 2**31 - 1: 2**31 - 1, -(2**31): -(2**31)}

TAKEN: Final[list[tuple[ColumnType, object, object]]] = [
    *((kind, given, read) for kind in (ColumnType.INT, ColumnType.BIGINT) for given, read in WHOLE.items()),
    *(
        (kind, given, int(given))
        for kind in (ColumnType.INT, ColumnType.BIGINT)
        for given in (1.0, -2.0, 1e3)
    ),
    *((ColumnType.BIGINT, given, given) for given in (2**31, 2**63 - 1, -(2**63))),
    *((ColumnType.BIGINT, str(given), given) for given in (0, -7, 2**63 - 1, -(2**63))),
    *(
        (ColumnType.FLOAT, given, float(given))
        for given in (0, -1.5, 1e308, 2**53, exact_number("0.1234567890123456789"))
    ),
    *((ColumnType.TEXT, given, given) for given in ("", "a", "完了", "\u0001", "\\u0000", "👩‍🚀")),
    *((ColumnType.UUID, given, KEY) for given in (KEY, str(KEY), str(KEY).upper(), KEY.hex)),
    *((ColumnType.BOOLEAN, given, given) for given in (True, False)),
    *(
        (ColumnType.DATETIME, given, NOON)
        for given in (NOON, "2026-01-31T12:00:00Z", "2026-01-31t21:00:00+09:00")
    ),
    (ColumnType.DATETIME, "1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    *(
        (ColumnType.ADDRESS, given, read)
        for given, read in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:DB8::1", "2001:db8::1/128"),
        ]
    ),
    *(
        (ColumnType.JSON, given, read)
        for given, read in [
            ({}, "{}"),
            ([1, "a", None], '[1,"a",null]'),
            ("a", '"a"'),
            (exact_number("0.12345678901234567890"), "0.12345678901234567890"),
            (2**64, str(2**64)),
            ("\\u0000", '"\\\\u0000"'),
        ]
    ),
]

NUL, SURROGATE = "a\0b", "a\ud800b"
REFUSED: Final[list[tuple[ColumnType, object]]] = [
    *((kind, given) for kind in CONVERT for given in (object(), b"a") if kind is not ColumnType.DECIMAL),
    *(
        (kind, given)
        for kind in CONVERT
        if kind is not ColumnType.JSON
        for given in ({}, {"a": 1}, NUL, SURROGATE)
    ),
    *(
        (kind, given)
        for kind in (ColumnType.INT, ColumnType.BIGINT, ColumnType.FLOAT)
        for given in (True, "x", "1.5", math.nan, math.inf)
    ),
    *(
        (kind, given)
        for kind in (ColumnType.INT, ColumnType.BIGINT)
        for given in (1.5, 2.0**60, 2**63, -(2**63) - 1)
    ),
    *((ColumnType.INT, given) for given in (2**31, -(2**31) - 1, "7")),
    *((ColumnType.BIGINT, given) for given in ("+7", "07", " 7", "７", "1e3", "9" * 5_000, str(2**63))),
    *((ColumnType.FLOAT, given) for given in ("1", 10**400)),
    *(
        (kind, given)
        for kind in (
            ColumnType.TEXT,
            ColumnType.UUID,
            ColumnType.BOOLEAN,
            ColumnType.DATETIME,
            ColumnType.ADDRESS,
        )
        for given in (1, 1.5)
    ),
    *((ColumnType.TEXT, given) for given in (True, ["a"])),
    *(
        (ColumnType.UUID, given)
        for given in ("", "x", f"{{{KEY}}}", f" {KEY}", f"{KEY}\n", "０" + str(KEY)[1:])
    ),
    *((ColumnType.BOOLEAN, given) for given in (0, "true", [True])),
    *(
        (ColumnType.DATETIME, given)
        for given in (
            "",
            "now",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-02-30T12:00:00Z",
            datetime(2026, 1, 31),
            "1769860800",
        )
    ),
    *(
        (ColumnType.ADDRESS, given)
        for given in ("", "x", "fe80::1%eth0", "192.0.2.256", "192.0.2.1/33", True)
    ),
    *(
        (ColumnType.JSON, given)
        for given in (NUL, [NUL], {NUL: 1}, SURROGATE, {SURROGATE: 1}, exact_number("1e-999"), 10**400)
    ),
]


def doors(kind: ColumnType) -> dict[str, Callable[[object], object]]:
    """The ways in which a value of a kind comes to PostgreSQL."""
    found: dict[str, Callable[[object], object]] = {"filter": CONVERT[kind]}
    if kind.name.lower() in TABLE.columns:
        found["input"] = converter(TABLE.columns[kind.name.lower()])
    if kind in SCALAR:
        parse: Any = SCALARS[SCALAR[kind]].parse_value
        found["scalar, then input"] = lambda value: found.get("input", CONVERT[kind])(parse(value))
        found["scalar, then filter"] = lambda value: CONVERT[kind](parse(value))
    return found


def told(read: Callable[[object], object], value: object) -> str:
    """The phrase of a refusal."""
    try:
        taken = read(value)
    except ValueError as refusal:
        return str(refusal)
    return f"taken as {taken!r}"


@pytest.mark.parametrize(("kind", "given", "parameter"), TAKEN)
def test_what_fits_is_the_same_parameter_everywhere(
    kind: ColumnType, given: object, parameter: object
) -> None:
    for door, read in doors(kind).items():
        taken = read(given)
        assert (taken, type(taken)) == (parameter, type(parameter)), door


@pytest.mark.parametrize(("kind", "given"), REFUSED)
def test_what_does_not_fit_is_refused_in_the_same_words_everywhere(kind: ColumnType, given: object) -> None:
    refusals = {told(read, given) for read in doors(kind).values()}

    assert len(refusals) == 1
    assert refusals.pop().startswith(("must ", "holds "))


@pytest.mark.parametrize("value", ["low", "HIGH", "", "0", None, 1, Level.LOW])
def test_a_member_is_given_by_its_name_in_a_filter_and_as_itself_in_an_input(value: object) -> None:
    read = converter(Column("level", Choice(Level)))
    if value in ("low", Level.LOW):
        assert read(value) == "low"
    else:
        with pytest.raises(ValueError, match=r"^must be one of LOW, HIGH$"):
            read(value)


def test_what_an_input_alone_refuses() -> None:
    """A row has bounds that a condition has not: its texts are short, and its times begin in 1970."""
    for column, value, phrase in [
        ("name", "x" * 256, "may be at most 255 characters long, not 256"),
        ("datetime", "1969-12-31T23:59:59Z", "must be a time in 1970 or later, such as 2026-01-31T12:00:00Z"),
    ]:
        assert told(converter(TABLE.columns[column]), value) == phrase
        kind = ColumnType.TEXT if column == "name" else ColumnType.DATETIME
        assert told(CONVERT[kind], value).startswith("taken as")
