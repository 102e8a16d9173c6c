"""Converts values in a document or its variables to the parameters that PostgreSQL is given.

What a value of each kind may be says models/values.py; here is what only the planner asks for. Every function
raises ValueError with a phrase that says what the value has to be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from models.values import address, big_integer, boolean, day, integer, moment, number, text, uuid
from services.core.json_codec import ExactNumber, write_storable

__all__ = [
    "ChoiceOf",
    "Conversion",
    "Each",
    "EachOrNone",
    "address",
    "big_integer",
    "boolean",
    "day",
    "day_text",
    "decimal",
    "integer",
    "json_text",
    "moment",
    "number",
    "share",
    "text",
    "uuid",
    "whole_number",
]

Conversion = Callable[[object], object]


def whole_number(value: object) -> int:
    """A whole number of 32 bits, written as a text."""
    return integer(big_integer(value))


def decimal(value: object) -> Decimal:
    """A finite number, as PostgreSQL's numeric."""
    number(value)
    return Decimal(value.text if isinstance(value, ExactNumber) else repr(number(value)))


def share(value: object) -> float:
    """A number from 0 to 1."""
    found = number(value)
    if not 0 <= found <= 1:
        raise ValueError("must be between 0 and 1")
    return found


def json_text(value: object) -> str:
    """Any JSON value as the text that becomes jsonb."""
    return write_storable(value).decode()


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


def is_of_few(convert: Conversion) -> bool:
    """True if it gives texts of a choice, or lists of them: no text that a client writes."""
    return isinstance(convert.convert if isinstance(convert, Each) else convert, ChoiceOf)


@dataclass(frozen=True, slots=True)
class EachOrNone:
    """Conversion of every element of a list in which None stands for nothing."""

    convert: Conversion

    def __call__(self, value: object) -> list[object]:
        """The converted elements."""
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")  # noqa: TRY004
        return [None if element is None else self.convert(element) for element in value]
