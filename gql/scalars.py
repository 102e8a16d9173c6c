"""The scalars beside GraphQL's own, as the API promises them (docs/api.md, Names)."""

from datetime import date, datetime
from decimal import Decimal
from typing import NewType
from uuid import UUID

import strawberry
from strawberry.types.scalar import ScalarDefinition

from gql.planner import conversions
from gql.planner.values import untyped
from services.core.timestamps import format_moment

BigInt = NewType("BigInt", int)
JSON = NewType("JSON", object)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time: RFC 3339 in UTC, to the microsecond.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_moment,
        parse_value=conversions.moment,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day: YYYY-MM-DD, in UTC.",
        serialize=date.isoformat,
        parse_value=conversions.day,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID in its usual spelling, in lower case.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=conversions.uuid,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of 64 bits, as a string: JavaScript loses digits past 2^53.",
        serialize=str,
        parse_value=conversions.big_integer,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as it is.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=lambda value: value,
        parse_value=lambda value: value,
        parse_literal=untyped,
    ),
    Decimal: strawberry.scalar(name="Decimal", serialize=float, parse_value=Decimal),
}
"""For `StrawberryConfig.scalar_map`: annotate with the Python type."""
