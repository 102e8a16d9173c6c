"""Reads the texts by which callers write the values of columns; this is the only place.

Python's own readers take more than the standards allow: digits of other scripts, signs, underlines, week
dates. Every function raises `Unfit` with a phrase that goes on after a field's name: "must be a UUID".
"""

import ipaddress
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

LONGEST_NUMBER: Final = 20
"""Characters: the smallest number of 64 bits with its sign."""


class Unfit(ValueError):
    """A value that does not fit; its text goes on after a field's name, or after "This": `must be a text`."""


_UUID: Final = re.compile(
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
)
_WHOLE: Final = re.compile("0|-?[1-9][0-9]*")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:([0-9]{2})(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_uuid(text: str) -> UUID:
    """A UUID (RFC 9562, 4): hexadecimal digits of either case in groups of 8-4-4-4-12, or without hyphens."""
    if _UUID.fullmatch(text) is None:
        raise Unfit("must be a UUID such as 0197a1b2-0000-7000-8000-000000000000")
    return UUID(text)


def read_whole_number(text: str) -> int:
    """A whole number in ASCII digits, without a plus sign and leading zeros."""
    if len(text) > LONGEST_NUMBER or _WHOLE.fullmatch(text) is None:
        raise Unfit("must be a whole number such as 42")
    return int(text)


def read_moment(text: str) -> datetime:
    """A point in time by RFC 3339 (5.6), in UTC, to the microsecond; further digits are dropped.

    A leap second, 23:59:60 UTC at the end of a month, is the first second of the next, as in PostgreSQL.
    """
    found = _MOMENT.fullmatch(text)
    try:
        if found is not None and found[1] != "60":
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        if found is not None:
            at = found.start(1)
            return _after_leap_second(datetime.fromisoformat(f"{text[:at]}59{text[at + 2 :]}".upper()))
    except (ValueError, OverflowError):
        pass
    raise Unfit("must be a time with an offset, such as 2026-01-31T12:00:00Z")


def _after_leap_second(before: datetime) -> datetime:
    following = before.astimezone(UTC) + timedelta(seconds=1)
    if (following.day, following.hour, following.minute) != (1, 0, 0):
        raise ValueError("has no such second")
    return following


def read_day(text: str) -> date:
    """A day: YYYY-MM-DD (RFC 3339, full-date)."""
    try:
        if _DAY.fullmatch(text) is not None:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Unfit("must be a day such as 2026-01-31")


def read_address(text: str) -> str:
    """An IPv4 or IPv6 address or network, in its usual spelling.

    A zone (`fe80::1%eth0`) is the name of an interface of one machine, which PostgreSQL's inet does not hold.
    """
    try:
        if "%" not in text:
            return str(ipaddress.ip_interface(text))
    except ValueError:
        pass
    raise Unfit("must be an IP address without a zone, such as 192.0.2.1 or 2001:db8::1")
