"""From a value in a document or its variables to the parameter that PostgreSQL is given.

Every function raises ValueError with a sentence that says what the value has to be.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from models import spellings
from services.core.json_codec import OUT_OF_RANGE, ExactNumber, write_json

Conversion = Callable[[object], object]

BIGINT_MAX = 2**63 - 1
INT_MAX = 2**31 - 1
EXACT_FLOAT = 2**53
"""Up to here a float is the whole number that was written."""
SURROGATE = re.compile("[\ud800-\udfff]")
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An odd number of backslashes before u0000: a NUL, and not the text of an escape."""


def text(value: object) -> str:
    """Text that PostgreSQL can hold."""
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a wrong value, whatever its type
    if "\0" in value:
        raise ValueError("must not contain the character NUL")
    if not value.isascii() and SURROGATE.search(value):
        raise ValueError("must not contain half of a surrogate pair")
    return value


def boolean(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


def integer(value: object) -> int:
    """A whole number of 32 bits."""
    return _whole(value, INT_MAX)


def big_integer(value: object) -> int:
    """A whole number of 64 bits, written as a number or as a text."""
    if isinstance(value, str):
        try:
            value = spellings.read_whole_number(value)
        except ValueError:
            value = None
    return _whole(value, BIGINT_MAX)


def whole_number(value: object) -> int:
    """A whole number of 32 bits, written as a text."""
    return _whole(big_integer(value), INT_MAX)


def _whole(value: object, largest: int) -> int:
    if (
        isinstance(value, float)
        and not isinstance(value, ExactNumber)
        and value.is_integer()
        and abs(value) <= EXACT_FLOAT
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -largest - 1 <= value <= largest:
        raise ValueError(f"must be a whole number between {-largest - 1} and {largest}")
    return value


def number(value: object) -> float:
    """A finite number of double precision."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004
    converted = float(value) if abs(value) <= BIGINT_MAX or isinstance(value, float) else math.inf
    if not math.isfinite(converted):
        raise ValueError("must be a finite number")
    return converted


def decimal(value: object) -> Decimal:
    """A finite number, as PostgreSQL's numeric."""
    number(value)
    return Decimal(value.text if isinstance(value, ExactNumber) else repr(number(value)))


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


def json_text(value: object) -> str:
    """Any JSON value as the text that becomes jsonb."""
    try:
        encoded = write_json(value)
    except (TypeError, ValueError) as trouble:  # too deep, a surrogate
        if OUT_OF_RANGE in str(trouble):
            raise ValueError("must hold no number out of the range of double precision") from None
        raise ValueError("must be JSON that PostgreSQL can hold") from None
    if ESCAPED_NUL.search(encoded):
        raise ValueError("must not contain the character NUL")
    return encoded.decode()


def day_text(value: object) -> str:
    """A day as the text that PostgreSQL reads."""
    return day(value).isoformat()


@dataclass(frozen=True, slots=True)
class ChoiceOf:
    """Conversion to the database's spelling of a member that is given by the API's, or as itself."""

    members: type[Enum]

    def __call__(self, value: object) -> str:
        """The stored value of the member."""
        try:
            return str(self.members[value.name if isinstance(value, Enum) else text(value)].value)
        except KeyError:
            names = ", ".join(member.name for member in self.members)
            raise ValueError(f"must be one of {names}") from None


@dataclass(frozen=True, slots=True)
class Each:
    """Conversion of every element of a list; a single value is a list of one."""

    convert: Conversion

    def __call__(self, value: object) -> list[object]:
        """The converted elements."""
        return [self.convert(element) for element in (value if isinstance(value, list | tuple) else [value])]


@dataclass(frozen=True, slots=True)
class EachOrNone:
    """Conversion of every element of a list in which None stands for nothing."""

    convert: Conversion

    def __call__(self, value: object) -> list[object]:
        """The converted elements."""
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")  # noqa: TRY004
        return [None if element is None else self.convert(element) for element in value]
