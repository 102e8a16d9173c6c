"""Errors of a value for an input type, found by one plain walk that asks each type what it is."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputType,
    Undefined,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)

from gql.request.coercion import Path, Problem


def misfits(value: Any, kind: GraphQLInputType, path: Path = ()) -> Iterator[Problem]:
    """Walk the value along its type, as the specification coerces it (6.1.2)."""
    if is_non_null_type(kind):
        if value is None or value is Undefined:
            yield path, f"is missing: give a value of the type `{kind.of_type}`"
            return
        kind = kind.of_type
    if value is None or value is Undefined:
        return
    if is_list_type(kind):
        if not isinstance(value, list | tuple):
            yield from misfits(value, kind.of_type, path)
            return
        for index, element in enumerate(value):
            yield from misfits(element, kind.of_type, (*path, index))
    elif is_input_object_type(kind):
        if not isinstance(value, dict):
            yield path, f"must be an object of the type `{kind}`"
            return
        for name, field in kind.fields.items():
            if name in value or is_required_input_field(field):
                yield from misfits(value.get(name, Undefined), field.type, (*path, name))
        for name in [name for name in value if name not in kind.fields]:
            yield (*path, name), f"is no field of the type `{kind}`: leave it out"
        if kind.is_one_of and (len(value) != 1 or None in value.values()):
            yield path, "must have exactly one field, and a value in it"
    elif is_leaf_type(kind):
        try:
            if kind.coerce_input_value(value) is Undefined:
                yield path, f"must be a value of the type `{kind}`"
        except GraphQLError:
            if is_enum_type(kind):
                yield path, f"must be one of {', '.join(kind.values)}"
            else:
                yield path, f"must be a value of the type `{kind}`"
        except ValueError as error:
            yield path, str(error)
        except ArithmeticError:
            yield path, f"must be a value of the type `{kind}`"
