"""Points in time as callers write them."""

from datetime import UTC, datetime
from typing import Final

from models import spellings

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_moment(value: object) -> datetime | None:
    """The time in UTC of an RFC 3339 text with its offset; None for anything else, and before 1970."""
    try:
        moment = spellings.read_moment(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo is not None and moment >= EARLIEST:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None
