"""Points in time as callers write them."""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_moment(value: object) -> datetime | None:
    """The time in UTC of an RFC 3339 text with its offset; None for anything else, and before 1970."""
    try:
        # Python reads a text up to the first NUL and overlooks the rest.
        moment = datetime.fromisoformat(value) if isinstance(value, str) and "\0" not in value else value
        if isinstance(moment, datetime) and moment.tzinfo is not None and moment >= EARLIEST:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None
