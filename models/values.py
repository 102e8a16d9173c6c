"""Converts values that callers give to parameters of statements: alike in filters, inputs and keys.

Every function raises `Unfit` with a phrase that goes on after a field's name: "must be a text". A value is
what JSON or GraphQL makes of it: a text for a UUID, or what a scalar has made of that text before.
"""

import math
import re
from datetime import date, datetime
from typing import Final
from uuid import UUID

from models import spellings
from models.spellings import Unfit

INT_MAX: Final = 2**31 - 1
BIGINT_MAX: Final = 2**63 - 1
EXACT_FLOAT: Final = 2**53
"""Up to here a float is the whole number that was written."""

SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An odd number of backslashes before u0000: a NUL, and not the text of an escape."""


def text(value: object, longest: int | None = None) -> str:
    """Text that PostgreSQL can hold, of `longest` characters at most."""
    if not isinstance(value, str):
        raise Unfit("must be a text")
    if "\0" in value:
        raise Unfit("holds the character NUL, which cannot be stored")
    if not value.isascii() and SURROGATE.search(value):
        raise Unfit("holds half of a surrogate pair, which is not a character")
    if longest is not None and len(value) > longest:
        raise Unfit(f"may be at most {longest:,} characters long, not {len(value):,}")
    return value


def refuse_nul(encoded: bytes) -> None:
    """Check that no NUL is escaped in JSON text, since jsonb cannot hold it. Raises: Unfit where one is."""
    if b"\\u0000" in encoded and _ESCAPED_NUL.search(encoded):
        raise Unfit("holds the character NUL, which cannot be stored")


def boolean(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def integer(value: object) -> int:
    """A whole number of 32 bits."""
    return _whole(value, INT_MAX)


def big_integer(value: object) -> int:
    """A whole number of 64 bits, written as a number or as a text."""
    if isinstance(value, str):
        try:
            value = spellings.read_whole_number(value)
        except Unfit:
            value = None
    return _whole(value, BIGINT_MAX)


def _whole(value: object, largest: int) -> int:
    # A number that a double does not hold comes as a class of its own, and is no whole number here.
    if type(value) is float and value.is_integer() and abs(value) <= EXACT_FLOAT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -largest - 1 <= value <= largest:
        raise Unfit(f"must be a whole number from {-largest - 1:,} to {largest:,}")
    return value


def number(value: object) -> float:
    """A finite number of double precision."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("must be a number")
    converted = float(value) if abs(value) <= BIGINT_MAX or isinstance(value, float) else math.inf
    if not math.isfinite(converted):
        raise Unfit("must be a finite number")
    return converted


def uuid(value: object) -> UUID:
    """A UUID by its text, in either case, with its hyphens or without."""
    if isinstance(value, UUID):
        return value
    return spellings.read_uuid(value if isinstance(value, str) else "")


def moment(value: object) -> datetime:
    """A point in time: RFC 3339 with an offset or Z."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    return spellings.read_moment(value if isinstance(value, str) else "")


def day(value: object) -> date:
    """A day: YYYY-MM-DD."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return spellings.read_day(value if isinstance(value, str) else "")


def address(value: object) -> str:
    """An IPv4 or IPv6 address, or a network."""
    return spellings.read_address(text(value))
