"""Points in time: as callers write them, and as PostgreSQL counts them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from models import spellings

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The ends of what Python holds: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z."""

_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INFINITY: Final = 2**63 - 1
_CYCLE: Final = 146_097 * 86_400_000_000
"""Microseconds of 400 years, after which the calendar repeats."""


class FarTime(datetime):
    """A time of PostgreSQL's that Python cannot hold: infinity, before the year 1, after 9999.

    To Python it is the nearest moment that there is, so it can be compared; it goes back to PostgreSQL as it
    came. `micros` is what PostgreSQL counts, microseconds since 2000.
    """

    micros: int

    @classmethod
    def of(cls, micros: int) -> "FarTime":
        """A time from PostgreSQL's number of microseconds."""
        end = LAST if micros > 0 else FIRST
        far = cls(
            *(end.year, end.month, end.day, end.hour, end.minute, end.second, end.microsecond), tzinfo=UTC
        )
        far.micros = micros
        return far

    @property
    def text(self) -> str:
        """PostgreSQL's text: `infinity`, `10000-01-01T00:00:00+00:00`, `0044-03-15T00:00:00+00:00 BC`."""
        if self.micros >= _INFINITY:
            return "infinity"
        if self.micros <= -_INFINITY:
            return "-infinity"
        cycles, rest = divmod(self.micros, _CYCLE)
        found = _ZERO + rest * _MICROSECOND
        year = found.year + 400 * cycles
        era = "" if year > 0 else " BC"
        return f"{year if year > 0 else 1 - year:04}{_without_year(found)}{era}"


def _without_year(moment: datetime) -> str:
    text = moment.isoformat(timespec="microseconds")[4:].removesuffix("+00:00")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}+00:00"


def format_moment(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond, spelt exactly as PostgreSQL's own JSON form of a timestamptz."""
    if isinstance(moment, FarTime):
        return moment.text
    moment = moment.astimezone(UTC)
    return f"{moment.year:04}{_without_year(moment)}"


def to_postgres(moment: datetime) -> tuple[int]:
    """The time as PostgreSQL counts it, in microseconds, in the form that asyncpg takes."""
    if isinstance(moment, FarTime):
        return (moment.micros,)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset says nothing")
    since = moment - _ZERO
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds,)


def from_postgres(counted: tuple[int]) -> datetime:
    """The time of what PostgreSQL counts."""
    try:
        return _ZERO + timedelta(0, 0, counted[0])
    except OverflowError:
        return FarTime.of(counted[0])


def read_moment(value: object) -> datetime | None:
    """The time in UTC of an RFC 3339 text with its offset; None for anything else, and before 1970."""
    try:
        moment = spellings.read_moment(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo is not None and moment >= EARLIEST:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None
