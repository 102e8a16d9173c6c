"""Answers of different servers to the same question, in one form."""

import re
from datetime import UTC, datetime

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def normalised(value: object) -> object:
    """The value with times in UTC, numbers as numbers, and groups in the order of their key.

    Servers spell those as they like: `Z` or `+00:00`, a big integer as a string, groups in any order
    and their key as an object or as a list.
    """
    if isinstance(value, dict):
        return {name: _ordered(name, normalised(item)) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [normalised(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, str) and _TIME.match(value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def _ordered(name: str, value: object) -> object:
    if name != "groups" or not isinstance(value, list):
        return value
    for group in value:
        group["key"] = list(group["key"].values()) if isinstance(group["key"], dict) else group["key"]
    return sorted(value, key=lambda group: str(group["key"]))
