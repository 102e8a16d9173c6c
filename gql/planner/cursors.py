"""Cursors: the place of a row in an order, and the condition that continues from there.

A cursor is `<seal>.<base64 of the JSON array of the row's values>`. The seal is the beginning of a SHA-256
over the order (table and terms, and the words searched for where rows are ranked by them) and these values:
so a cursor of another order and one that was altered are told from a good one. It is no signature and need
not be: a caller who makes one up only names a place in rows that the viewer may see anyhow.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType
from typing import NoReturn

import orjson

from gql.planner import conversions
from gql.planner.column_types import CONVERT, ColumnType
from gql.planner.errors import CursorUnusable
from gql.planner.order import Order, Term
from gql.planner.statement import Statement
from gql.planner.values import Path, Source, Value, Variables

LONGEST_CURSOR = 1_000_000
SEAL_LENGTH = 12
"""Both in characters. 48 bits are plenty against mishaps."""

DIGIT_BY_DIGIT = (ColumnType.BIGINT, ColumnType.DECIMAL, ColumnType.JSON)
"""Kinds whose numbers may have more digits than readers of JSON keep: in a cursor they are texts."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The tie of a cursor to its order."""

    fingerprint: str
    words: Source | None

    def over(self, body: bytes, variables: Variables) -> str:
        """The seal over a cursor's values, as `compile_cursor` makes PostgreSQL compute it."""
        words = "" if self.words is None else conversions.text(self.words.resolve(variables))
        sealed = self.fingerprint.encode() + body + words.encode()
        return hashlib.sha256(sealed).hexdigest()[:SEAL_LENGTH]


class Held(Enum):
    """A kind of value in a cursor, on which the statement depends: `MOMENT` is a text with a time."""

    NULL = "null"
    MOMENT = "moment"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor that was given: its source, the seal that it has to have, the kinds of its values."""

    source: Source
    seal: Seal
    held: tuple[Held, ...]
    path: Path

    def values(self, variables: Variables) -> list[object]:
        """The values in it; CursorUnusable unless the seal is right."""
        return _unsealed(self.source.resolve(variables), self.seal, variables, self.path)


@dataclass(frozen=True, slots=True)
class CursorValue:
    """One value of a cursor, taken out each time the plan runs."""

    cursor: Cursor
    index: int

    def resolve(self, variables: Variables) -> object:
        """The value; a cursor of another order is CursorUnusable."""
        return self.cursor.values(variables)[self.index]


@dataclass(frozen=True, slots=True)
class Converted:
    """Conversion of a cursor's value, which is written by hand only to try something."""

    read: Callable[[object], object]
    path: Path

    def __call__(self, value: object) -> object:
        """The parameter."""
        try:
            return self.read(value)
        except (ValueError, InvalidOperation, RecursionError):
            raise unusable(self.path) from None


def compile_cursor(statement: Statement, order: Order, alias: str) -> str:
    """The cursor of the row `alias`, outside its page.

    `(SELECT left(encode(sha256(convert_to('0a1b2c3d4e5f' || body$1.json, 'UTF8')), 'hex'), 12) || '.' ||
    translate(encode(convert_to(body$1.json, 'UTF8'), 'base64'), E'\\n', '')
    FROM (SELECT json_build_array(task$1.priority, task$1.id)::text AS json) AS body$1)`
    """
    values = ", ".join(
        f"{order.outside(term, alias)}{'::text' if term.kind in DIGIT_BY_DIGIT else ''}"
        for term in order.terms
    )
    body = statement.alias("body")
    sealed = f"'{order.fingerprint}' || {body}.json"
    if order.words is not None:
        sealed += f" || {statement.parameter(order.words, conversions.text, '::text')}"
    return (
        f"(SELECT left(encode(sha256(convert_to({sealed}, 'UTF8')), 'hex'), {SEAL_LENGTH}) || '.' || "
        f"translate(encode(convert_to({body}.json, 'UTF8'), 'base64'), E'\\n', '') "
        f"FROM (SELECT json_build_array({values})::text AS json) AS {body})"
    )


def read_cursor(statement: Statement, value: Value, order: Order) -> Cursor:
    """The cursor that an argument gives; CursorUnusable when it is not one of this order."""
    seal = Seal(order.fingerprint, None if order.words is None else order.words.source)
    held = value.measured(held_in)
    if not isinstance(held, tuple) or len(held) != len(order.terms):
        raise unusable(value.path)
    cursor = Cursor(value.source, seal, held, value.path)
    cursor.values(statement.env.variables.given)  # the seal is checked now, and whenever the plan runs
    return cursor


def _unsealed(cursor: object, seal: Seal, variables: Variables, path: Path) -> list[object]:
    head, body = _parts(cursor, path)
    if head != seal.over(body, variables):
        raise unusable(path)
    return _values(body, path)


def held_in(cursor: object) -> tuple[Held, ...] | None:
    """Measure: the kinds of the values in a cursor of any order; None for what is no cursor at all."""
    try:
        return tuple(_kind(value) for value in _values(_parts(cursor, ())[1], ()))
    except CursorUnusable:
        return None


def _kind(value: object) -> Held:
    if value is None:
        return Held.NULL
    try:
        _moment(value)
    except ValueError:
        return Held.OTHER
    return Held.MOMENT


def _parts(cursor: object, path: Path) -> tuple[str, bytes]:
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR:
        raise unusable(path)
    head, _, body = cursor.partition(".")
    try:
        return head, base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise unusable(path) from None


def _values(body: bytes, path: Path) -> list[object]:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unusable(path) from None
    if not isinstance(values, list):
        raise unusable(path)
    return values


def _decimal(value: object) -> Decimal:
    return Decimal(conversions.text(value))


def _json_text(value: object) -> str:
    text = conversions.text(value)
    conversions.json_text(json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant))
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(conversions.text(value))
    if found.tzinfo is not UTC:
        raise ValueError("must be a time in UTC")
    return found


# PostgreSQL has times before the year 1, after 9999 and at no end, which no DateTime of a caller's is.
_TIME = re.compile(
    r"-?infinity|(\d{4,6}-[01]\d-[0-3]\d)(T[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?\+00:00)?( BC)?", re.ASCII
)


def _time_text(value: object) -> str:
    text = conversions.text(value)
    if not _TIME.fullmatch(text):
        raise ValueError("must be a time as PostgreSQL's JSON has it")
    return text


_READ: Mapping[ColumnType, Callable[[object], object]] = MappingProxyType(
    {
        **CONVERT,
        ColumnType.DECIMAL: _decimal,
        ColumnType.JSON: _json_text,
        ColumnType.DATETIME: _time_text,
        ColumnType.DATE: _time_text,
    }
)
_CAST: Mapping[ColumnType, str] = MappingProxyType(
    {ColumnType.DATETIME: "::text::timestamptz", ColumnType.DATE: "::text::date"}
)
"""Kinds of which a cursor has PostgreSQL's own text, for what Python has no value for."""


def unusable(path: Path) -> CursorUnusable:
    """The error for a cursor that cannot be continued from."""
    return CursorUnusable(
        "The cursor does not belong to this list in this order: start without one, or with the order "
        "that it came from.",
        path,
    )


def compile_after(statement: Statement, order: Order, cursor: Cursor, *, reverse: bool) -> str:
    """The condition for the rows behind the cursor, or before it when `reverse`: exact over NULLs and ties.

    Where every value counts the same way and none is null, one comparison of rows, which an index serves:
    `(task$1.priority, task$1.id) < ($2::int, $3::uuid)`. Otherwise the comparison is spelt out, with a bound
    on the first value for the index: `task$1.priority <= $2::int AND (task$1.priority < $2::int OR ...)`.
    """
    terms = [term.reversed() if reverse else term for term in order.terms]
    values = [
        "" if held is Held.NULL else _value(statement, cursor, index, terms[index])
        for index, held in enumerate(cursor.held)
    ]
    if _is_plain(terms, values):
        names = ", ".join(term.expression for term in terms)
        return f"({names}) {'<' if terms[0].descending else '>'} ({', '.join(values)})"
    spelt = _behind(terms[0], values[0])
    for index in range(1, len(terms)):
        equal = " AND ".join(
            f"{term.expression} = {value}" if value else f"{term.expression} IS NULL"
            for term, value in zip(terms[:index], values[:index], strict=True)
        )
        spelt += f" OR ({equal} AND {_behind(terms[index], values[index])})"
    first = terms[0]
    if values[0] and (first.nulls_first or not first.nullable):
        bound = f"{first.expression} {'<=' if first.descending else '>='} {values[0]}"
        return f"({bound} AND ({spelt}))"
    return f"({spelt})"


def compile_bound(statement: Statement, order: Order, cursor: Cursor, *, reverse: bool) -> str:
    """The condition of `compile_after` on the first value, which is never null: `ranked$1.rank <= $3`."""
    term = order.terms[0].reversed() if reverse else order.terms[0]
    return f"{term.expression} {'<=' if term.descending else '>='} {_value(statement, cursor, 0, term)}"


def _value(statement: Statement, cursor: Cursor, index: int, term: Term) -> str:
    read, cast = _READ[term.kind], _CAST.get(term.kind, term.kind.cast)
    if term.kind is ColumnType.DATETIME and cursor.held[index] is Held.MOMENT:
        # PostgreSQL reads a text as a time anew for each row that it compares.
        read, cast = _moment, term.kind.cast
    return statement.bound(CursorValue(cursor, index), Converted(read, cursor.path), cast, cursor.path)


def _is_plain(terms: list[Term], values: list[str]) -> bool:
    return all(
        value and term.descending is terms[0].descending and (term.nulls_first or not term.nullable)
        for term, value in zip(terms, values, strict=True)
    )


def _behind(term: Term, value: str) -> str:
    """True if the term alone puts a row behind the value."""
    if not value:
        return f"{term.expression} IS NOT NULL" if term.nulls_first else "false"
    behind = f"{term.expression} {'<' if term.descending else '>'} {value}"
    if term.nullable and not term.nulls_first:
        return f"({behind} OR {term.expression} IS NULL)"
    return behind
