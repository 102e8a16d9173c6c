"""Reads and writes JSON texts with all digits of their numbers.

A reader that makes doubles of numbers gives `123456789012345678.25` back as `123456789012345680.0`;
PostgreSQL keeps every digit. So a number that a double does not hold stays what was written: `ExactNumber`.
"""

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

from models.spellings import Unfit
from models.values import refuse_nul

# What may be more than a double or 64 bits hold: 16 digits in a row, wherever the point is, so 8 on one of
# its sides; or an exponent of three digits below zero. (One above is infinite to orjson, which is an error.)
_DIGITS: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER: Final = b"0" * 16
_LONG_SIDE: Final = b"0" * 8
_SMALL_NUMBER: Final = b"e-000"
_SHORT: Final = 15
"""A decimal number of so many digits comes back from a double as it was."""


OUT_OF_RANGE: Final = "a number is out of the range of double precision"


class ExactNumber(float):
    """The double next to a number, and in `text` the number itself as it was written in JSON."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "ExactNumber":
        """A number from its JSON text."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    @property
    def fits(self) -> bool:
        """True if the number is in the range of doubles: not too large, nor so small that 0 is next to it."""
        return math.isfinite(self) and (float(self) != 0 or Decimal(self.text) == 0)


def exact_number(text: str) -> float:
    """The number of a JSON text that is no whole number: a plain float where that one says the same."""
    number = float(text)
    if len(text) <= _SHORT and "e" not in text and "E" not in text:
        return number
    if math.isfinite(number) and Decimal(text) == Decimal(repr(number)):
        return number
    return ExactNumber(text)


def whole_number(text: str) -> int | float:
    """The whole number of a JSON text; one of thousands of digits is an `ExactNumber`."""
    try:
        return int(text)
    except ValueError:  # more digits than Python wants to read
        return ExactNumber(text)


def is_in_range(number: float) -> bool:
    """True if a number of a JSON text is in the range of doubles, which the API takes."""
    if isinstance(number, ExactNumber):
        return number.fits
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises: json.JSONDecodeError, whose `msg` says what is wrong with it.

    Every number keeps its digits, so that it is refused by its place where it does not fit, and stored as it
    was sent where it does. One out of the range of doubles is an error.
    """
    value = orjson.loads(text)
    encoded = text.encode() if isinstance(text, str) else text
    return _exactly(encoded, _whole_in_range, _exact_in_range) if has_long_number(encoded) else value


def read_stored(text: str | bytes) -> Any:
    """The value of a JSON text that PostgreSQL has written, whatever its numbers."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # a number that no double comes near to
        return _exactly(text, whole_number, exact_number)
    encoded = text.encode() if isinstance(text, str) else text
    return _exactly(encoded, whole_number, exact_number) if has_long_number(encoded) else value


def write_json(value: object, *, sort: bool = False) -> bytes:
    """The JSON text of a value with the digits of its numbers.

    Raises: TypeError, with what is wrong, for what JSON cannot say, for what nests more than 254 levels deep,
    and for a number out of the range of doubles, which GraphQL's literals can hold.
    """
    return _write(value, sort, _fragment_in_range)


def write_storable(value: object, *, sort: bool = False) -> bytes:
    """The same for a value that becomes jsonb.

    Raises: Unfit, with a phrase that goes on after a field's name, for what `write_json` and jsonb refuse.
    """
    try:
        encoded = write_json(value, sort=sort)
    except (TypeError, ValueError) as trouble:
        raise Unfit(_trouble(str(trouble))) from None
    refuse_nul(encoded)
    return encoded


def _trouble(trouble: str) -> str:
    if "surrogate" in trouble:
        return "holds half of a surrogate pair, which is not a character"
    if trouble == OUT_OF_RANGE:
        return "holds a number out of the range of double precision; give it as a text"
    if "ecursion" in trouble:
        return "is nested too deeply: at most 254 levels are taken"
    return "must be JSON"


def write_stored(value: object) -> bytes:
    """The same for a value from `read_stored`, whatever its numbers."""
    return _write(value, False, _fragment)


def _write(value: object, sort: bool, fragment: Callable[[object], object]) -> bytes:
    option = orjson.OPT_SORT_KEYS if sort else 0
    try:
        return orjson.dumps(value, fragment, option)
    except orjson.JSONEncodeError as trouble:
        if "64-bit" not in str(trouble):
            raise trouble.__cause__ if isinstance(trouble.__cause__, TypeError) else trouble from None
        return orjson.dumps(_with_fragments(value, fragment), fragment, option)


def _fragment(value: object) -> object:
    if isinstance(value, ExactNumber):
        return orjson.Fragment(value.text)
    if isinstance(value, int):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _fragment_in_range(value: object) -> object:
    if isinstance(value, int | float) and not is_in_range(value):
        raise TypeError(OUT_OF_RANGE)
    return _fragment(value)


def _with_fragments(value: object, fragment: Callable[[object], object], depth: int = 0) -> object:
    """The same with whole numbers past 64 bits, which orjson does not write, as they stand."""
    if depth > 254:
        raise TypeError("Recursion limit reached")
    if isinstance(value, dict):
        return {key: _with_fragments(found, fragment, depth + 1) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [_with_fragments(found, fragment, depth + 1) for found in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return fragment(value)
    return value


def has_long_number(text: bytes) -> bool:
    """True if there may be a number that orjson would change; a tenth of the time of a regular expression."""
    plain = text.translate(_DIGITS)
    return (_LONG_SIDE in plain and _LONG_NUMBER in plain.replace(b".", b"")) or _SMALL_NUMBER in plain


def _exactly(text: str | bytes, parse_int: Any, parse_float: Any) -> Any:
    try:
        return json.loads(text, parse_int=parse_int, parse_float=parse_float)  # slower by far, yet exact
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None


def _whole_in_range(text: str) -> int | float:
    return _in_range(whole_number(text))


def _exact_in_range(text: str) -> float:
    return _in_range(exact_number(text))


def _in_range(number: float) -> float:
    if not is_in_range(number):
        raise json.JSONDecodeError(OUT_OF_RANGE, "", 0)
    return number
