"""Counts the related tables that filters and orders of a field's arguments ask, wherever they are written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedInputType,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_input_object_type,
)

_LOGIC = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class Asked:
    """The related tables that a variable asks, which stands where an input of this type is wanted."""

    variable: str
    kind: GraphQLInputObjectType

    def count(self, variables: Mapping[str, Any]) -> int:
        """The number of related tables with these variables, coerced."""
        return _in_value(self.kind, variables.get(self.variable))


def asked(node: FieldNode, definition: GraphQLField) -> tuple[int, list[Asked]]:
    """The related tables that the arguments of a field ask: those of literals, and those of each variable."""
    literal, variables = 0, []
    for argument in node.arguments or ():
        expected = definition.args.get(argument.name.value)
        kind = None if expected is None else _asking(expected.type)
        if kind is None:
            continue
        for found in _in_literal(kind, argument.value):
            if isinstance(found, Asked):
                variables.append(found)
            else:
                literal += found
    return literal, variables


def _in_literal(kind: GraphQLInputObjectType, value: ValueNode) -> Iterator[int | Asked]:
    waiting: list[tuple[GraphQLInputObjectType, ValueNode]] = [(kind, value)]
    while waiting:
        kind, value = waiting.pop()
        if isinstance(value, VariableNode):
            yield Asked(value.name.value, kind)
        elif isinstance(value, ListValueNode):
            waiting += [(kind, element) for element in value.values]
        elif isinstance(value, ObjectValueNode):
            for field in value.fields:
                inner = _member(kind, field.name.value)
                if inner is not None:
                    yield int(_is_relation(kind, field.name.value, inner))
                    waiting.append((inner, field.value))


def _in_value(kind: GraphQLInputObjectType, value: object) -> int:
    count = 0
    waiting: list[tuple[GraphQLInputObjectType, object]] = [(kind, value)]
    while waiting:
        kind, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(kind, element) for element in value]
        elif isinstance(value, Mapping):
            for name, member in value.items():
                inner = _member(kind, name)
                if inner is not None:
                    count += _is_relation(kind, name, inner)
                    waiting.append((inner, member))
    return count


def _member(kind: GraphQLInputObjectType, name: str) -> GraphQLInputObjectType | None:
    field = kind.fields.get(name)
    return None if field is None else _asking(field.type)


def _is_relation(kind: GraphQLInputObjectType, name: str, inner: GraphQLInputObjectType) -> bool:
    """A filter in a filter, or an order in an order; `some` counts, and what leads to it does not."""
    return _is_condition(kind) and name not in _LOGIC and not inner.name.endswith("ListWhere")


def _is_condition(kind: GraphQLNamedInputType) -> bool:
    return kind.name.endswith(("Where", "Order")) and kind.name != "JSONOrder"


def _asking(given: GraphQLInputType) -> GraphQLInputObjectType | None:
    """The input type behind lists and non-nulls, if a filter or an order can stand in it."""
    kind = get_named_type(given)
    return kind if is_input_object_type(kind) and _can_ask(kind) else None


@cache
def _can_ask(kind: GraphQLInputObjectType) -> bool:
    seen: set[str] = set()
    waiting: list[GraphQLNamedInputType] = [kind]
    while waiting:
        found = waiting.pop()
        if found.name in seen or not is_input_object_type(found):
            continue
        if _is_condition(found):
            return True
        seen.add(found.name)
        waiting += [get_named_type(field.type) for field in found.fields.values()]
    return False
