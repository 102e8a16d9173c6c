"""Values as PostgreSQL orders them and as the API shows them."""

import ipaddress
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from gql.planner.catalog import Column
from gql.planner.column_types import ColumnType
from services.core.timestamps import format_moment

ADDRESSES = (
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
)


def shown(column: Column, value: Any) -> Any:
    """A value in the API's JSON form."""
    if value is None:
        return None
    if column.choices is not None:
        return column.choices(value).name
    if column.kind in (ColumnType.BIGINT, ColumnType.UUID):
        return str(value)
    if column.kind is ColumnType.ADDRESS:
        return str(getattr(value, "ip", value))
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def kind_of_json(value: Any) -> str:
    """The kind of a JSON value, numbers being of one kind."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def json_rank(value: Any) -> Any:
    """jsonb puts texts before numbers before booleans before arrays before objects."""
    if value is None:
        return None
    if isinstance(value, list):
        return (3, len(value), [json_rank(each) for each in value])
    if isinstance(value, dict):
        return (4, len(value), sorted(value))
    return (["str", "number", "boolean"].index(kind_of_json(value)), 0, value)


def compare(one: Any, other: Any, *, reverse: bool, nulls_first: bool) -> int:
    """The order of two values: -1, 0 or 1."""
    if one is None or other is None:
        if one is other:
            return 0
        return -1 if (one is None) is nulls_first else 1
    if one == other:
        return 0
    return -1 if (one < other) is not reverse else 1


def bucketed(value: Any, bucket: str) -> Any:
    """The start of the hour, day, week or month of a time; without a bucket the value itself."""
    if not bucket or value is None:
        return value
    day = value.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "Hour": value.replace(minute=0, second=0, microsecond=0),
        "Day": day,
        "Week": day - timedelta(days=day.weekday()),
        "Month": day.replace(day=1),
    }[bucket]


def sortable(value: Any) -> Any:
    """A key to sort by, nothing last."""
    if isinstance(value, ADDRESSES):
        value = (value.version, int(getattr(value, "ip", value)))
    return (value is None, 0 if value is None else value)


def alike(one: Any, other: Any) -> bool:
    """Equality of JSON, in which the last digits of fractions do not count; of objects also the order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return kind_of_json(one) == kind_of_json(other) == "number" and math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)
