"""What is wrong with the variables of a request: a sentence and a field for each value that does not fit."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInputType,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)

from services.core.errors import BadInput

MOST = 50
"""Errors that one answer tells."""

Path = tuple[str | int, ...]
Problem = tuple[Path, str]


def variable_errors(
    node: OperationDefinitionNode,
    types: Mapping[str, GraphQLInputType],
    given: Mapping[str, Any],
    *,
    hide_suggestions: bool = False,
) -> list[GraphQLError]:
    """An error for each value that does not fit its type, at most 50.

    graphql-core's own messages quote the whole value, be it a password or a thousand rows, and leave it to
    the reader to find the field.
    """
    places = _arguments(node)
    errors: list[GraphQLError] = []
    for definition in node.variable_definitions or ():
        name = definition.variable.name.value
        value = given.get(name, Undefined)
        if value is Undefined and definition.default_value is not None:
            continue
        for path, sentence in _problems(value, types[name], (), hide_suggestions):
            field = ".".join(map(str, (places.get(name, name), *path)))
            told = BadInput(f"`{field}` {sentence}.", field=field)
            errors.append(GraphQLError(told.message, definition, original_error=told))
            if len(errors) == MOST:
                return errors
    return errors


def null_errors(
    node: OperationDefinitionNode, never_null: Collection[str], given: Mapping[str, Any]
) -> list[GraphQLError]:
    """An error for each variable that is given as null and stands where null may not be."""
    places = _arguments(node)
    errors = []
    for definition in node.variable_definitions or ():
        name = definition.variable.name.value
        is_null = isinstance(definition.default_value, NullValueNode)
        if name in never_null and (given[name] is None if name in given else is_null):
            told = BadInput(
                f"`{name}` is null, and stands where a value must be: leave it out, or give a value.",
                field=places.get(name, name),
            )
            errors.append(GraphQLError(told.message, definition, original_error=told))
    return errors


def _arguments(node: OperationDefinitionNode) -> dict[str, str]:
    """Variables that are the whole argument of a root field, with its path as other errors give it."""
    is_query = node.operation is OperationType.QUERY
    places: dict[str, str] = {}
    for field in node.selection_set.selections:
        if not isinstance(field, FieldNode):
            continue
        key = (field.alias or field.name).value
        for argument in field.arguments or ():
            if isinstance(argument.value, VariableNode):
                path = f"{key}.{argument.name.value}" if is_query else argument.name.value
                places.setdefault(argument.value.name.value, path)
    return places


def _problems(value: Any, kind: GraphQLInputType, path: Path, hide_suggestions: bool) -> Iterator[Problem]:
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
            yield from _problems(value, kind.of_type, path, hide_suggestions)
            return
        for index, element in enumerate(value):
            yield from _problems(element, kind.of_type, (*path, index), hide_suggestions)
    elif is_input_object_type(kind):
        if not isinstance(value, dict):
            yield path, f"must be an object of the type `{kind}`"
            return
        for name, field in kind.fields.items():
            if name in value or is_required_input_field(field):
                yield from _problems(value.get(name, Undefined), field.type, (*path, name), hide_suggestions)
        for name in value.keys() - kind.fields.keys():
            yield (*path, name), f"is no field of the type `{kind}`: leave it out"
        if kind.is_one_of and (len(value) != 1 or None in value.values()):
            yield path, "must have exactly one field, and a value in it"
    elif is_leaf_type(kind):
        try:
            if kind.coerce_input_value(value) is Undefined:
                yield path, f"must be a value of the type `{kind}`"
        except GraphQLError:
            if is_enum_type(kind) and not hide_suggestions:
                yield path, f"must be one of {', '.join(kind.values)}"
            else:
                yield path, f"must be a value of the type `{kind}`"
        except ValueError as error:
            yield path, str(error)
