"""Argument values, wherever they stand: in the document, in a variable, or a variable inside a literal.

A `Value` knows its `source`, so that a plan compiled for one set of variables can be run with another one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from graphql import (
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    value_from_ast_untyped,
)

from gql.planner.errors import ArgumentInvalid
from services.core.json_codec import exact_number, whole_number

Variables = Mapping[str, object]
Path = tuple[str, ...]


class Source(Protocol):
    """Where a parameter's value comes from each time the plan runs."""

    def resolve(self, variables: Variables) -> object:
        """The value under these variables."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the document itself gives."""

    value: object

    def resolve(self, variables: Variables) -> object:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class FromVariable:
    """What stands at `path` in a variable."""

    name: str
    path: tuple[str | int, ...] = ()

    def resolve(self, variables: Variables) -> object:
        """Follow the path."""
        value: object = variables[self.name]
        for step in self.path:
            value = value[step]  # type: ignore[index] # the shape of the variables was matched before
        return value


@dataclass(frozen=True, slots=True)
class Template:
    """A literal with variables inside it."""

    node: ValueNode

    def resolve(self, variables: Variables) -> object:
        """The literal with the variables' values in place."""
        return untyped(self.node, variables)


class Value(Protocol):
    """A value that is present; `path` leads to it from the response: `("tasks", "where", "status", "eq")`."""

    @property
    def path(self) -> Path:
        """Where it stands."""

    @property
    def is_null(self) -> bool:
        """Whether it is the value null."""

    @property
    def source(self) -> Source:
        """Where to find it when the plan runs again."""

    def plain(self) -> object:
        """The value as plain Python."""

    def fields(self) -> "Iterator[tuple[str, Value]]":
        """The fields that are present, of an input object."""

    def elements(self) -> "list[Value]":
        """The elements of a list; a single value is a list of one (GraphQL specification, 3.11)."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value from a variable, already coerced to its type."""

    value: object
    origin: FromVariable
    path: Path

    @property
    def is_null(self) -> bool:
        """Whether it is the value null."""
        return self.value is None

    @property
    def source(self) -> Source:
        """The place in the variable."""
        return self.origin

    def plain(self) -> object:
        """The coerced value."""
        return self.value

    def fields(self) -> Iterator[tuple[str, Value]]:
        """The fields that are present, of an input object."""
        if not isinstance(self.value, Mapping):
            raise ArgumentInvalid("must be an object", self.path)
        for name, value in self.value.items():
            yield name, Given(value, self._inner(name), (*self.path, name))

    def elements(self) -> list[Value]:
        """The elements of a list."""
        values = self.value if isinstance(self.value, list | tuple) else [self.value]
        return [
            Given(value, self._inner(index), (*self.path, str(index))) for index, value in enumerate(values)
        ]

    def _inner(self, step: str | int) -> FromVariable:
        return FromVariable(self.origin.name, (*self.origin.path, step))


@dataclass(frozen=True, slots=True)
class Written:
    """A value written in the document; variables may stand inside it."""

    node: ValueNode
    variables: Variables
    path: Path

    @property
    def is_null(self) -> bool:
        """Whether it is the value null."""
        return isinstance(self.node, NullValueNode)

    @property
    def source(self) -> Source:
        """The value itself, or the literal to fill in."""
        return Template(self.node) if _has_variable(self.node) else Constant(self.plain())

    def plain(self) -> object:
        """The value as plain Python; a name of an enum is a text."""
        return untyped(self.node, self.variables)

    def fields(self) -> Iterator[tuple[str, Value]]:
        """The fields that are present, of an input object."""
        if not isinstance(self.node, ObjectValueNode):
            raise ArgumentInvalid("must be an object", self.path)
        for field in self.node.fields:
            value = read(field.value, self.variables, (*self.path, field.name.value))
            if value is not None:
                yield field.name.value, value

    def elements(self) -> list[Value]:
        """The elements of a list."""
        if not isinstance(self.node, ListValueNode):
            return [self]
        found = (
            read(node, self.variables, (*self.path, str(index)))
            for index, node in enumerate(self.node.values)
        )
        return [value for value in found if value is not None]


def read(node: ValueNode, variables: Variables, path: Path) -> Value | None:
    """The value at `node`; None when it is a variable that was not given, that is: absent."""
    if not isinstance(node, VariableNode):
        return Written(node, variables, path)
    name = node.name.value
    if name not in variables:
        return None
    return Given(variables[name], FromVariable(name), path)


def untyped(node: ValueNode, variables: Variables | None = None) -> object:
    """The value of a literal as JSON has it, with all digits of its numbers; absent variables are null."""
    if isinstance(node, FloatValueNode):
        return exact_number(node.value)
    if isinstance(node, IntValueNode):
        return whole_number(node.value)
    if isinstance(node, ListValueNode):
        return [untyped(element, variables) for element in node.values]
    if isinstance(node, ObjectValueNode):
        return {
            field.name.value: untyped(field.value, variables)
            for field in node.fields
            if not (isinstance(field.value, VariableNode) and field.value.name.value not in (variables or {}))
        }
    if isinstance(node, VariableNode):
        return (variables or {}).get(node.name.value)
    return value_from_ast_untyped(node)


def member_name(value: object) -> str:
    """The name of an enum's member, which a literal gives as text and a variable as the member."""
    return value.name if isinstance(value, Enum) else str(value)


def _has_variable(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variable(value) for value in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variable(field.value) for field in node.fields)
    return isinstance(node, VariableNode)
