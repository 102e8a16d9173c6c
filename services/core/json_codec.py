"""Reads and writes JSON texts with all digits of their numbers.

A reader that makes doubles of numbers gives `123456789012345678.25` back as `123456789012345680.0`;
PostgreSQL keeps every digit. So a number that a double does not hold stays what was written: `ExactNumber`.
"""

import json
import math
from decimal import Decimal
from typing import Any, Final

import orjson

# What may be more than a double or 64 bits hold: 16 digits in a row, wherever the point is, so 8 on one of
# its sides; or an exponent of three digits below zero. (One above is infinite to orjson, which is an error.)
_DIGITS: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER: Final = b"0" * 16
_LONG_SIDE: Final = b"0" * 8
_SMALL_NUMBER: Final = b"e-000"
_SHORT: Final = 15
"""A decimal number of so many digits comes back from a double as it was."""


class ExactNumber(float):
    """The double next to a number, and in `text` the number itself as it was written in JSON."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "ExactNumber":
        """From its JSON text."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    @property
    def fits(self) -> bool:
        """Whether it is in the range of doubles: neither too large, nor so small that 0 is next to it."""
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
    """Whether a number of a JSON text is in the range of doubles, which is what the API takes."""
    if isinstance(number, ExactNumber):
        return number.fits
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises `json.JSONDecodeError`, whose `msg` says what is wrong with it.

    Every number keeps its digits, so that it is refused by its place where it does not fit, and stored as it
    was sent where it does. One out of the range of doubles is an error.
    """
    value = orjson.loads(text)
    encoded = text.encode() if isinstance(text, str) else text
    return _exactly(encoded, _whole_in_range, _exact_in_range) if _has_long_number(encoded) else value


def read_stored(text: str | bytes) -> Any:
    """The value of a JSON text that PostgreSQL has written, whatever its numbers."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # a number that no double comes near to
        return _exactly(text, whole_number, exact_number)
    encoded = text.encode() if isinstance(text, str) else text
    return _exactly(encoded, whole_number, exact_number) if _has_long_number(encoded) else value


def write_json(value: object, *, sort: bool = False) -> bytes:
    """The JSON text of a value. Raises TypeError for what JSON cannot say, or nests more than 254 deep."""
    option = orjson.OPT_SORT_KEYS if sort else 0
    try:
        return orjson.dumps(value, _fragment, option)
    except orjson.JSONEncodeError:
        return orjson.dumps(_with_fragments(value), _fragment, option)


def _fragment(value: object) -> object:
    if isinstance(value, ExactNumber):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _with_fragments(value: object, depth: int = 0) -> object:
    """The same with whole numbers past 64 bits, which orjson does not write, as they stand."""
    if depth > 254:
        raise TypeError("it is nested too deeply")
    if isinstance(value, dict):
        return {key: _with_fragments(found, depth + 1) for key, found in value.items()}
    if isinstance(value, list | tuple):
        return [_with_fragments(found, depth + 1) for found in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return orjson.Fragment(str(value))
    return value


def _has_long_number(text: bytes) -> bool:
    """Whether there may be a number that orjson would change; a tenth of the time of a regular expression."""
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
        raise json.JSONDecodeError("a number is out of the range of double precision", "", 0)
    return number
