"""Turns the values of an input into parameters for PostgreSQL, or says which one cannot be stored and why."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

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

from models import values
from models.base import Sealed
from models.spellings import Unfit as Unfit
from models.types import Choice
from services.core.errors import BadInput
from services.core.json_codec import read_stored, write_json, write_storable
from services.core.timestamps import EARLIEST
from services.secrets.masking import mask_all, mask_key, off_the_loop
from services.secrets.parts import parts_of
from services.secrets.vault import NoVault, Vault
from services.writing.declaration import WritableColumn, WritableTable

MAX_TEXT: Final = 1_000_000
"""Characters of a text without a documented length; a request holds no more bytes."""

MAX_SECRET: Final = 100
"""Characters of a webhook's secret (client §3.4.1)."""

MAX_INDEXED_TEXT: Final = 500
"""Characters of a text that stands in a B-tree, whose entries PostgreSQL bounds at 2,704 bytes."""

Convert = Callable[[object], object]
"""From an input value that is not null to a parameter; `Unfit` says what the value has to be."""


class SealedParameter(str):
    """A sealed parameter that still knows, until it is stored, what was given: rules judge that, `clear`."""

    __slots__ = ("clear",)

    clear: object

    @classmethod
    def of(cls, stored: str, clear: object) -> "SealedParameter":
        """`stored`, with what it holds."""
        text = cls(stored)
        text.clear = clear
        return text


_DIALECT: Final[Dialect] = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


async def parameters(
    table: WritableTable, given: Mapping[str, object], prefix: str, vault: Vault | None = None
) -> dict[str, Any]:
    """The values of a row, given by column name, as parameters, and what is secret in them as it is stored.

    Secrets in masked columns are replaced; `vault` seals what is encrypted at rest. `prefix` is where the row
    stands in the input. Raises: BadInput for the first value that is wrong, and NoVault.
    """
    stored = converted(table, given, prefix, vault)
    await conceal(table, [stored], vault)
    return stored


def converted(
    table: WritableTable, given: Mapping[str, object], prefix: str, vault: Vault | None = None
) -> dict[str, Any]:
    """The same with the secrets still in the columns that are masked or divided; `conceal` has to follow."""
    storing = _storing(table)
    stored = {}
    name = ""
    try:
        for name, value in given.items():
            stored[name] = storing[name](value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=f"{prefix}.{table.columns[name].field}") from None
    for name in table.secret:
        if stored.get(name) is not None:
            column = table.columns[name]
            stored[name] = _secret(table, column, stored[name], f"{prefix}.{column.field}", vault)
    return stored


async def conceal(table: WritableTable, rows: Sequence[dict[str, Any]], vault: Vault | None = None) -> None:
    """Replace the secrets in the masked columns of rows that are `converted`; divided ones are sealed.

    What replaces a divided value replaces its sensitive parts too, and empties them where there are none.
    """
    for name, place in table.divided.items():
        for row in rows:
            if name in row:
                row[place] = None
                if vault is None and row[name] is not None:
                    raise NoVault(f"{table.name}.{name}")
    names = _masked_columns(table)
    given = [(row, name, text) for row in rows for name in names if (text := row.get(name)) is not None]
    if given:
        await off_the_loop(sum(len(text) for _, _, text in given), _conceal, table, given, vault)


def _conceal(
    table: WritableTable, given: Sequence[tuple[dict[str, Any], str, str]], vault: Vault | None
) -> None:
    json_columns = _json_columns(table)
    found = [read_stored(text) if name in json_columns else text for _, name, text in given]
    for (row, name, _), value, hidden in zip(given, found, mask_all(found), strict=True):
        if hidden == value:
            continue
        if name in table.divided and vault is not None:
            place = table.divided[name]
            row[place] = vault.seal(parts_of(value, hidden), f"{table.name}.{place}")
        if name in json_columns:
            row[name] = write_json(hidden).decode()
        else:
            column = table.columns[name].column
            shown = mask_key(str(row[name])) if _is_unique(column) else str(hidden)
            row[name] = shown[
                : getattr(column.type, "length", None)
            ]  # the mask may be longer than what it hides


def _secret(
    table: WritableTable, column: WritableColumn, value: Any, field: str, vault: Vault | None
) -> object:
    """The text that is stored of a value that is never read: sealed, or its keyed hash."""
    place = f"{table.name}.{column.name}"
    if vault is None:
        raise NoVault(place)
    if column.hashed:
        return vault.fingerprint(str(value))
    if column.sealed in (Sealed.VARIABLES, Sealed.OBJECT):
        if not isinstance(value, dict):
            raise BadInput("This is an object.", field=field)
        if column.sealed is Sealed.VARIABLES and not all(isinstance(item, str) for item in value.values()):
            raise BadInput("This is an object of texts.", field=field)
        return SealedParameter.of(write_json({"sealed": _sealed(vault, place, value, field)}).decode(), value)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SECRET:
        raise BadInput(f"A secret has 1 to {MAX_SECRET} characters.", field=field)
    return _sealed(vault, place, value, field)


def _sealed(vault: Vault, place: str, value: object, field: str) -> str:
    """The value, sealed as it is; it has to be what could be stored in clear."""
    try:
        json_text(value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None
    return vault.seal(value, place)


@cache
def _json_columns(table: WritableTable) -> frozenset[str]:
    return frozenset(name for name, column in table.columns.items() if isinstance(column.column.type, JSONB))


@cache
def _masked_columns(table: WritableTable) -> tuple[str, ...]:
    return tuple(name for name, column in table.columns.items() if column.masked)


@cache
def _storing(table: WritableTable) -> Mapping[str, Convert]:
    """A function for each column, by name: it makes a parameter of an input, or what `_secret` takes."""
    return {
        name: _as_it_is if column.encrypted else _or_null(column.column)
        for name, column in table.columns.items()
        if column.on_create
    }


def _as_it_is(value: object) -> object:
    return value


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
    """A function that converts values of a column to parameters."""
    kind = column.type
    match kind:
        case Choice():
            members: type[StrEnum] = kind.enum_class
            stored = {member.value: member.value for member in members}
            return lambda value: _choice(value, stored, members)
        case JSONB():
            return json_text
        case Uuid():
            return values.uuid
        case Boolean():
            return values.boolean
        case DateTime():
            return _time
        case INET():
            return values.address
        case Integer():
            return values.big_integer if isinstance(kind, BigInteger) else values.integer
        case Float():
            return values.number
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
    return values.text(value, longest)


def require_text(value: object, field: str) -> None:
    """`BadInput` for a text that PostgreSQL cannot hold, and that goes to it by another way than a row's."""
    try:
        text(value)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=field) from None


def json_text(value: object) -> str:
    """Any JSON value as JSON text."""
    return write_storable(value).decode()


def _choice(value: object, stored: Mapping[str, str], members: type[StrEnum]) -> str:
    if isinstance(value, str) and value in stored:  # a member is a text
        return stored[value]
    names = ", ".join(member.name for member in members)
    raise Unfit(f"must be one of {names}")


def _time(value: object) -> datetime:
    moment = values.moment(value)
    if moment < EARLIEST:
        raise Unfit("must be a time in 1970 or later, such as 2026-01-31T12:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unfit("must be a time before the year 10000, such as 2026-01-31T12:00:00Z") from None


def _is_unique(column: "Column[Any]") -> bool:
    """True if rows are told apart by the column, alone or with others."""
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
