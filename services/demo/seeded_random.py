"""Seeded choices and times: the same seed gives the same demo data on every machine and Python version."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

TOKYO = timezone(timedelta(hours=9))
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class Chance:
    """A stream of choices that depends on the seed and its own name, and on nothing drawn elsewhere.

    Everything is derived from `random()`, the one method whose sequence Python promises to keep.
    """

    def __init__(self, seed: int, *name: object) -> None:
        name_and_seed = "/".join(map(str, (seed, *name)))
        self.random = random.Random(name_and_seed).random  # noqa: S311 - demo data, not secrets

    def happens(self, probability: float) -> bool:
        """True in `probability` of all cases."""
        return self.random() < probability

    def below(self, limit: int) -> int:
        """An integer of 0 to `limit` - 1."""
        return int(self.random() * limit)

    def between(self, low: int, high: int) -> int:
        """An integer of `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, all equally likely."""
        return choices[int(self.random() * len(choices))]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """Up to `count` different choices, in the order in which they were drawn."""
        left = list(choices)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]

    def minutes(self, low: float, high: float) -> timedelta:
        """A duration between two numbers of minutes, in whole milliseconds."""
        return timedelta(milliseconds=int((low + self.random() * (high - low)) * 60_000))

    def hexadecimal(self, digits: int) -> str:
        """A text of so many hexadecimal digits, as of a hash."""
        text = ""
        while len(text) < digits:
            text += f"{int(self.random() * (1 << 52)):013x}"
        return text[:digits]

    def uuid(self, at: datetime) -> UUID:
        """A UUIDv7 (RFC 9562) of that moment, so that keys sort by time as those of the server do."""
        high = int(self.random() * (1 << 12)) << 64
        low = (int(self.random() * (1 << 31)) << 31) | int(self.random() * (1 << 31))
        return UUID(int=int(at.timestamp() * 1000) << 80 | _VERSION_7 | high | _VARIANT | low)


def weighted(**shares: int) -> tuple[str, ...]:
    """A tuple in which every name stands as often as its share: `Chance.pick` on it is a weighted choice."""
    return tuple(name for name, share in shares.items() for _ in range(share))


def moments(count: int, since: datetime, until: datetime, chance: Chance) -> Iterator[datetime]:
    """Yield `count` ascending times: most in the working hours of Tokyo, few at night and on Sundays."""
    hours = [since + timedelta(hours=hour) for hour in range(int((until - since).total_seconds() // 3600))]
    weights = [_busyness(hour.astimezone(TOKYO)) for hour in hours]
    total, passed, emitted = sum(weights), 0, 0
    for hour, weight in zip(hours, weights, strict=True):
        passed += weight
        here = passed * count // total - emitted
        emitted += here
        for place in range(here):
            yield hour + timedelta(microseconds=int((place + chance.random()) / here * 3_600_000_000))


def _busyness(local: datetime) -> int:
    """The weight of an hour: agents go on at night, people do not."""
    if not 8 <= local.hour < 22:
        return 2
    return 4 if local.weekday() >= 5 else 10
