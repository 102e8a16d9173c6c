"""Problems of a request's variables: a sentence and a field for each value that does not fit."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLError,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    VariableNode,
)

from gql.request.coercion import Problem
from services.core.errors import BadInput

Misfit: TypeAlias = tuple[VariableDefinitionNode, Problem]
"""A variable, and something in its value that does not fit."""


def variable_errors(node: OperationDefinitionNode, misfits: Iterable[Misfit]) -> list[GraphQLError]:
    """An error for each value in a variable that does not fit its type.

    graphql-core's own messages quote the whole value, be it a password or a thousand rows, and leave it to
    the reader to find the field.
    """
    places = _arguments(node)
    errors = []
    for definition, (path, sentence) in misfits:
        name = definition.variable.name.value
        field = ".".join(map(str, (places.get(name, name), *path)))
        told = BadInput(f"`{field}` {sentence}.", field=field)
        errors.append(GraphQLError(told.message, definition, original_error=told))
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
                f"`{name}` is null where a value is required: leave it out, or give a value.",
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
