"""Argument values, wherever they stand: in the document, in a variable, or a variable inside a literal.

A `Value` knows its `source`, so that a plan compiled for one set of variables can be run with another one.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

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
Steps = tuple[str | int, ...]
Measure = Callable[[object], Hashable]


class Source(Protocol):
    """The origin of a parameter's value each time the plan runs."""

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
    """The value at `path` in a variable."""

    name: str
    path: Steps = ()

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


class Observation(NamedTuple):
    """The result of `measure` for the value at `path` in a variable; without one, whether it is given."""

    measure: Measure | None
    name: str
    path: Steps = ()

    def answer(self, variables: Variables) -> Hashable:
        """The answer of these variables. Raises: LookupError, TypeError where there is no such path."""
        measure, name, path = self
        if measure is None:
            return name in variables
        value: object = variables[name]
        for step in path:
            value = value[step]  # type: ignore[index] # another type is the TypeError
        return measure(value)


class ObservedVariables:
    """The variables while a plan is made: each thing that is asked of them is noted, with the answer.

    A plan serves all variables that answer the same (gql/planner/plan_keys.py). So nothing that decides the
    text of a statement may be taken from `given`: that is for what runs, and for checks that run each time.
    """

    __slots__ = ("answers", "given")

    def __init__(self, given: Variables) -> None:
        self.given = given
        self.answers: dict[Observation, Hashable] = {}

    def has(self, name: str) -> bool:
        """True if the variable is given."""
        return bool(self._note(Observation(None, name)))

    def measured(self, measure: Measure, name: str, path: Steps = ()) -> Hashable:
        """The result of `measure` for the value at `path` in the variable."""
        return self._note(Observation(measure, name, path))

    def note(self, observations: Iterable[Observation], answers: Iterable[Hashable]) -> None:
        """Take over what another plan was made of that becomes part of this one."""
        for observation, answer in zip(observations, answers, strict=True):
            self.answers.setdefault(observation, answer)

    def _note(self, observation: Observation) -> Hashable:
        if observation not in self.answers:
            self.answers[observation] = observation.answer(self.given)
        return self.answers[observation]


class Value(Protocol):
    """A value that is present; `path` leads to it from the response: `("tasks", "where", "status", "eq")`.

    All but `path` and `source` become part of the key of the plan. `measured` costs the fewest plans.
    """

    @property
    def path(self) -> Path:
        """The path of the value in the document or its variables."""

    @property
    def is_null(self) -> bool:
        """True if it is the value null."""

    @property
    def source(self) -> Source:
        """The place to find the value at when the plan runs again."""

    def measured(self, measure: Measure) -> Hashable:
        """The result of `measure`, a function of the value alone that raises nothing."""

    def distinct(self, measure: Measure, most: int) -> tuple[Hashable, ...] | None:
        """The results of `measure` for the elements, each once; None for more than `most` elements."""

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
    variables: ObservedVariables

    @property
    def is_null(self) -> bool:
        """True if it is the value null."""
        return bool(self.measured(is_none))

    @property
    def source(self) -> Source:
        """The place in the variable."""
        return self.origin

    def measured(self, measure: Measure) -> Hashable:
        """The result of `measure` for the value."""
        return self.variables.measured(measure, self.origin.name, self.origin.path)

    def distinct(self, measure: Measure, most: int) -> tuple[Hashable, ...] | None:
        """The results of `measure` for the elements, noted for the list as a whole."""
        found = self.measured(Distinct(measure, most))
        return found if isinstance(found, tuple) else None

    def plain(self) -> object:
        """The coerced value."""
        self.measured(itself)
        return self.value

    def fields(self) -> Iterator[tuple[str, Value]]:
        """The fields that are present, of an input object."""
        self.measured(names)
        if not isinstance(self.value, Mapping):
            raise ArgumentInvalid("must be an object", self.path)
        for name, value in self.value.items():
            yield name, Given(value, self._inner(name), (*self.path, name), self.variables)

    def elements(self) -> list[Value]:
        """The elements of a list."""
        self.measured(length)
        if not isinstance(self.value, list | tuple):
            return [self]
        return [
            Given(value, self._inner(index), (*self.path, str(index)), self.variables)
            for index, value in enumerate(self.value)
        ]

    def _inner(self, step: str | int) -> FromVariable:
        return FromVariable(self.origin.name, (*self.origin.path, step))


@dataclass(frozen=True, slots=True)
class Written:
    """A value written in the document; variables may stand inside it."""

    node: ValueNode
    variables: ObservedVariables
    path: Path

    @property
    def is_null(self) -> bool:
        """True if it is the value null."""
        return isinstance(self.node, NullValueNode)

    @property
    def source(self) -> Source:
        """The value itself, or the literal to fill in."""
        return Template(self.node) if any(_variables(self.node)) else Constant(self.plain())

    def measured(self, measure: Measure) -> Hashable:
        """The result of `measure` for the value; variables inside it are noted as they are."""
        return measure(self.plain())

    def distinct(self, measure: Measure, most: int) -> tuple[Hashable, ...] | None:
        """The results of `measure` for the elements, noted for each variable among them."""
        elements = self.elements()
        if len(elements) > most:
            return None
        return tuple(dict.fromkeys(element.measured(measure) for element in elements))

    def plain(self) -> object:
        """The value as plain Python; a name of an enum is a text."""
        for name in _variables(self.node):
            if self.variables.has(name):
                self.variables.measured(itself, name)
        return untyped(self.node, self.variables.given)

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


def read(node: ValueNode, variables: ObservedVariables, path: Path) -> Value | None:
    """The value at `node`; None when it is a variable that was not given, that is: absent."""
    if not isinstance(node, VariableNode):
        return Written(node, variables, path)
    name = node.name.value
    return from_variable(variables, name, path) if variables.has(name) else None


def from_variable(variables: ObservedVariables, name: str, path: Path) -> Value:
    """The value of a variable that is given."""
    return Given(variables.given[name], FromVariable(name), path, variables)


def is_none(value: object) -> Hashable:
    """Measure: whether it is null."""
    return value is None


def itself(value: object) -> Hashable:
    """Measure: the whole value."""
    return value if isinstance(value, str | int | Enum | None) else repr(value)


def names(value: object) -> Hashable:
    """Measure: which fields an input object has, in their order, which is that of the statement."""
    return tuple(value) if isinstance(value, Mapping) else None


def length(value: object) -> Hashable:
    """Measure: how many elements a list has; None for a single value."""
    return len(value) if isinstance(value, list | tuple) else None


@dataclass(frozen=True, slots=True)
class Distinct:
    """Measure: what `measure` makes of the elements of a list, each once; None for too many elements."""

    measure: Measure
    most: int

    def __call__(self, value: object) -> Hashable:
        """The results for the elements of the list, or of the list of one that a single value is."""
        elements = value if isinstance(value, list | tuple) else [value]
        return None if len(elements) > self.most else tuple(dict.fromkeys(map(self.measure, elements)))


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


def _variables(node: ValueNode) -> Iterator[str]:
    """The names of the variables that stand in a literal."""
    if isinstance(node, ListValueNode):
        for value in node.values:
            yield from _variables(value)
    elif isinstance(node, ObjectValueNode):
        for field in node.fields:
            yield from _variables(field.value)
    elif isinstance(node, VariableNode):
        yield node.name.value
