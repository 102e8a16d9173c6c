"""The table of prices by which a cost is estimated where none was told: the setting `usage.model_prices`.

Prices are in millionths of a US dollar for a million tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

SETTING: Final = "usage.model_prices"

MOST_PRICES: Final = 200
"""Entries of the table."""

LONGEST_PATTERN: Final = 100
"""Characters of a pattern."""

DEAREST: Final = 10**12
"""Millionths of a dollar for a million tokens: a dollar a token."""

PARTS: Final = ("input", "output", "cache_read", "cache_creation_5m", "cache_creation_1h")
"""The prices of an entry, beside its pattern, `model`."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a million tokens of models whose names fit `model`, in which `*` stands for anything."""

    model: str
    input: int
    output: int
    cache_read: int
    cache_creation_5m: int
    cache_creation_1h: int


def read_prices(value: object) -> tuple[Price, ...]:
    """The entries of the setting, in their order.

    Raises: ValueError with a sentence for people, for what is no table of prices.
    """
    if not isinstance(value, list):
        raise ValueError("The prices of models are a list.")  # noqa: TRY004 - a value, not a type, is wrong
    if len(value) > MOST_PRICES:
        raise ValueError(f"There are at most {MOST_PRICES} prices of models.")
    return tuple(_price(entry, place) for place, entry in enumerate(value, start=1))


def _price(entry: object, place: int) -> Price:
    if not isinstance(entry, Mapping):
        raise ValueError(f"Price {place} is not an object.")  # noqa: TRY004
    if unknown := entry.keys() - {"model", *PARTS}:
        raise ValueError(
            f"Price {place} has `{min(map(str, unknown))}`, which is none of {', '.join(PARTS)}."
        )
    model = entry.get("model")
    if not isinstance(model, str) or not 1 <= len(model) <= LONGEST_PATTERN:
        raise ValueError(f"Price {place} needs a `model` of 1 to {LONGEST_PATTERN} characters.")
    return Price(model, **{part: _figure(entry.get(part), part, place) for part in PARTS})


def _figure(value: object, part: str, place: int) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not whole or value % 1 or not 0 <= value <= DEAREST:  # type: ignore[operator]
        raise ValueError(
            f"Price {place} needs `{part}`: a whole number of millionths of a US dollar"
            f" for a million tokens, 0 to {DEAREST}."
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def price_of(model: str | None, prices: Sequence[Price]) -> Price | None:
    """The first price whose pattern fits the name of the model."""
    if model is None:
        return None
    # Brackets are part of names, such as claude-sonnet-4-5[1m], and stand for themselves.
    return next((one for one in prices if fnmatchcase(model, one.model.replace("[", "[[]"))), None)
