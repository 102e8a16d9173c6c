"""Cursors: the place of a row in an order, and the condition that continues from there.

A cursor is `<fingerprint of table and order>.<base64 of the JSON array of the row's values>`. It carries no
right: whoever makes one up only names a place in rows that the viewer may see anyhow. What it must not do is
continue in another order, hence the fingerprint.
"""

import base64
import binascii
from dataclasses import dataclass

import orjson

from gql.planner.catalog import TableType
from gql.planner.errors import CursorUnusable
from gql.planner.kinds import CONVERT, Kind
from gql.planner.order import Order, Term
from gql.planner.statement import Statement
from gql.planner.values import Path, Source, Value, Variables

LONGEST_CURSOR = 100_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor that was given: its source, and which of its values are null."""

    source: Source
    nulls: tuple[bool, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class CursorValue:
    """One value of a cursor, taken out each time the plan runs."""

    cursor: Source
    fingerprint: str
    index: int
    path: Path

    def resolve(self, variables: Variables) -> object:
        """The value; a cursor of another order is CursorUnusable."""
        return decode(self.cursor.resolve(variables), self.fingerprint, self.path)[self.index]


@dataclass(frozen=True, slots=True)
class Converted:
    """Conversion of a cursor's value, which nobody has written by hand unless to try something."""

    kind: Kind
    path: Path

    def __call__(self, value: object) -> object:
        """The parameter."""
        try:
            return CONVERT[self.kind](value)
        except ValueError:
            raise unusable(self.path) from None


def compile_cursor(statement: Statement, table: TableType, order: Order, alias: str) -> str:
    """The cursor of the row `alias`, outside its page.

    `'0a1b2c3d4e5f.' || translate(encode(convert_to(json_build_array(task$1.priority, task$1.id)::text,
    'UTF8'), 'base64'), E'\\n', '')`
    """
    values = ", ".join(
        # Large numbers are kept digit by digit.
        f"{order.outside(term, alias)}{'::text' if term.kind in (Kind.BIGINT, Kind.DECIMAL) else ''}"
        for term in order.terms
    )
    packed = f"encode(convert_to(json_build_array({values})::text, 'UTF8'), 'base64')"
    return f"'{order.fingerprint}.' || translate({packed}, E'\\n', '')"


def read_cursor(value: Value, order: Order) -> Cursor:
    """The cursor that an argument gives; CursorUnusable when it is not one of this order."""
    values = decode(value.plain(), order.fingerprint, value.path)
    if len(values) != len(order.terms):
        raise unusable(value.path)
    return Cursor(value.source, tuple(item is None for item in values), value.path)


def decode(cursor: object, fingerprint: str | None, path: Path) -> list[object]:
    """The values in a cursor. Without a `fingerprint` any order will do."""
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR:
        raise unusable(path)
    head, _, body = cursor.partition(".")
    if fingerprint is not None and head != fingerprint:
        raise unusable(path)
    try:
        values = orjson.loads(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        raise unusable(path) from None
    if not isinstance(values, list):
        raise unusable(path)
    return values


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
        "" if null else _value(statement, order, cursor, index, terms[index])
        for index, null in enumerate(cursor.nulls)
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


def _value(statement: Statement, order: Order, cursor: Cursor, index: int, term: Term) -> str:
    source = CursorValue(cursor.source, order.fingerprint, index, cursor.path)
    return statement.bound(source, Converted(term.kind, cursor.path), term.kind.cast, cursor.path)


def _is_plain(terms: list[Term], values: list[str]) -> bool:
    return all(
        value and term.descending is terms[0].descending and (term.nulls_first or not term.nullable)
        for term, value in zip(terms, values, strict=True)
    )


def _behind(term: Term, value: str) -> str:
    """Whether the term alone puts a row behind the value."""
    if not value:
        return f"{term.expression} IS NOT NULL" if term.nulls_first else "false"
    behind = f"{term.expression} {'<' if term.descending else '>'} {value}"
    if term.nullable and not term.nulls_first:
        return f"({behind} OR {term.expression} IS NULL)"
    return behind
