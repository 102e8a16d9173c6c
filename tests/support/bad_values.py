"""Values that no field takes, by the scalar that the schema names for it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_nullable_type,
)

Place = tuple[str | int, ...]
"""Names of fields and positions in lists, from `input` inwards."""

TIMES: Final[tuple[Any, ...]] = (
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-0044-03-15T00:00:00Z", "2016-12-30T23:59:60Z"),
    *("2026-W05-1T00:00:00Z", "20260101T000000Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+01:00:30"),
    *("2026-01-01T00:00:00,5Z", "２026-01-01T00:00:00Z", "2026-01-01T24:00:00Z", "infinity", "now"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *(
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "yesterday",
        "",
        5,
        True,
        {},
        "2026-01-01T00:00:00Z\0",
    ),
)

OF_WRONG_TYPE: Final[Mapping[str, tuple[Any, ...]]] = {
    "String": (5, 1.5, True, {}, ["a", "b"]),
    "ID": (1.5, True, {}),
    "Int": ("5", 1.5, 2**31, -(2**31) - 1, 2**64, 10**300, True, {}, ""),
    "Float": ("5", True, {}, 10**309),
    "BigInt": (
        *("x", "", 1.5, 2**63, "9223372036854775808", "-9223372036854775809", 10**300, True, {}),
        *("+1", "01", "-0", "１２", "1_0", " 1", "1 ", "1e3", 1e18),
    ),
    "Boolean": ("true", 1, 0, {}),
    "UUID": (
        *("x", "", 5, "0197a1b2-0000-7000-8000-00000000000g", "0" * 40, {}, True),
        *("01a222f7-4add-761d-a184-4e48258810_1", "+1a222f7-4add-761d-a184-4e4825881001"),
        *(" 1a222f7-4add-761d-a184-4e4825881001", "０1a222f7-4add-761d-a184-4e4825881001"),
        *("01a222f74add-761d-a184-4e48-25881001", "01a222f74add761da1844e4825881001----"),
        *("{01a222f7-4add-761d-a184-4e4825881001}", "urn:uuid:01a222f7-4add-761d-a184-4e4825881001"),
    ),
    "DateTime": TIMES,
    "enum": ("NO_SUCH_VALUE", "", 5, {}, True, "a\0"),
}
"""Refused by their type alone, before anything else is looked at."""


def nested(levels: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


UNSTORABLE: Final[Mapping[str, tuple[Any, ...]]] = {
    "String": ("a\0b", "\ud800", "x" * 1_000_001),
    "JSON": (
        *({"a": "\0"}, {"\0": 1}, {"a": ["\ud800"]}, {"\udfff": 1}, "\0"),
        *(nested(300), nested(900)),
    ),
}
"""Of the right type, yet nothing that PostgreSQL could hold, or that the API lets in."""


def scalar_of(kind: GraphQLInputType) -> str | None:
    """`Int`, `JSON` and the like; `enum`; None for lists and objects."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLEnumType):
        return "enum"
    return plain.name if isinstance(plain, GraphQLScalarType) else None


def leaves(kind: GraphQLInputType, place: Place = ("input",)) -> Iterator[tuple[Place, GraphQLInputType]]:
    """Every place below an input at which a scalar stands; of a list, its first element."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        yield from leaves(plain.of_type, (*place, 0))
    elif isinstance(plain, GraphQLInputObjectType):
        for name, field in plain.fields.items():
            if name not in ("where", "and", "or", "not"):
                yield from leaves(field.type, (*place, name))
    else:
        yield place, kind


def filled(kind: GraphQLInputType) -> Any:
    """A value of the type with what it demands and nothing more."""
    plain = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        return [filled(plain.of_type)]
    if isinstance(plain, GraphQLInputObjectType):
        return {
            name: filled(field.type)
            for name, field in plain.fields.items()
            if isinstance(field.type, GraphQLNonNull)
        }
    if isinstance(plain, GraphQLEnumType):
        return next(iter(plain.values))
    return {
        "UUID": "0197a1b2-0000-7000-8000-000000000000",
        "DateTime": "2030-01-01T00:00:00Z",
        "Boolean": True,
        "Int": 10**6,
        "BigInt": "1000000",
        "JSON": {},
    }.get(plain.name, "some text")


def put(value: Any, kind: GraphQLInputType, place: Place, bad: Any) -> Any:
    """`value` with `bad` at the place, and with what the way there demands."""
    if not place:
        return bad
    plain = get_nullable_type(kind)
    step, *rest = place
    if isinstance(plain, GraphQLList):
        inner = (value or [filled(plain.of_type)])[0]
        return [put(inner, plain.of_type, tuple(rest), bad)]
    assert isinstance(plain, GraphQLInputObjectType)
    field = plain.fields[str(step)]
    known = value if isinstance(value, dict) else filled(plain)
    return {**known, str(step): put(known.get(step), field.type, tuple(rest), bad)}
