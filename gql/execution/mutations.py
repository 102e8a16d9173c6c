"""Runs a mutation without the general executor, which takes longer over most of them than the change itself.

What that executor finds out anew for each request is found once for each plan of an operation: the field and
its resolver, what is selected of the payload, and how its values are completed. The resolvers are the same.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, TypeAlias

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    Node,
    TypeNameMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.error import located_error
from strawberry import Info

from gql.compat.graphql_core import VariableValues, get_argument_values, resolve_info, response_path
from gql.compat.strawberry_graphql import (
    StrawberryArgument,
    converted_arguments,
    definition_of,
    field_arguments,
    info_of,
    resolver_of,
)
from gql.context import Context
from gql.execution.loaders import Execution
from gql.planner.selection import Field
from gql.planner.statement import CompileEnv

ResponsePath: TypeAlias = tuple[str | int, ...]

AnyInfo: TypeAlias = Info[Context, Any]

Call: TypeAlias = Callable[[Any, AnyInfo, dict[str, Any]], Any]
"""A resolver: from the parent's value, the info and the arguments to a value, or to one that is awaited."""

Complete: TypeAlias = Callable[[Any, ResponsePath], Any]
"""From what a resolver gave to what JSON is made of; raises what the caller is to be told."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A field that is selected, with all that does not change from request to request.

    `source` is Strawberry's definition of it, None for `__typename`.
    """

    field: Field
    parent: GraphQLObjectType
    definition: GraphQLField
    source: Any
    call: Call
    complete: Complete

    @property
    def required(self) -> bool:
        """True if the field is never null."""
        return is_non_null_type(self.definition.type)


@dataclass(frozen=True, slots=True)
class DirectMutation:
    """A mutation with one root field, of whose payload `parts` are selected.

    `converted` are the arguments of which Strawberry makes classes, empty where the resolver takes them as
    they come.
    """

    root: Selected
    parts: tuple[Selected, ...]
    converted: Sequence[StrawberryArgument]


@dataclass(frozen=True, slots=True)
class Run:
    """One request."""

    schema: GraphQLSchema
    execution: Execution
    variables: VariableValues
    context: Context
    hide_suggestions: bool = False
    errors: list[GraphQLError] = field(default_factory=list)

    async def answer(self, mutation: DirectMutation) -> ExecutionResult:
        """The result that the general executor would give."""
        root = mutation.root
        try:
            info = self._info(root)
            found = root.call(self.execution, info, self._arguments(mutation, info))
            payload = await found if isawaitable(found) else found
            made = None if payload is None else await self._payload(mutation.parts, payload)
            data: dict[str, Any] | None = {root.field.key: root.complete(made, root.field.path)}
        except Exception as error:
            self.errors.append(located_error(error, list(root.field.nodes), root.field.path))
            data = None if root.required else {root.field.key: None}
        return ExecutionResult(data, self.errors or None)

    async def _payload(self, parts: Sequence[Selected], payload: Any) -> dict[str, Any]:
        if len(parts) == 1:
            return {parts[0].field.key: await self._value(parts[0], payload)}
        values = await asyncio.gather(*(self._value(part, payload) for part in parts))
        return {part.field.key: value for part, value in zip(parts, values, strict=True)}

    async def _value(self, part: Selected, payload: Any) -> Any:
        try:
            found = part.call(payload, self._info(part), {})
            return part.complete(await found if isawaitable(found) else found, part.field.path)
        except Exception as error:
            located = located_error(error, list(part.field.nodes), part.field.path)
            if part.required:
                raise located from error
            self.errors.append(located)
            return None

    def _arguments(self, mutation: DirectMutation, info: AnyInfo) -> dict[str, Any]:
        root = mutation.root
        arguments = get_argument_values(
            root.definition, root.field.nodes[0], self.variables, hide_suggestions=self.hide_suggestions
        )
        if not mutation.converted:
            return arguments
        return converted_arguments(arguments, mutation.converted, info)

    def _info(self, selected: Selected) -> AnyInfo:
        raw = resolve_info(
            self.schema,
            self.execution.operation.node,
            self.execution.operation.fragments,
            self.variables,
            self.execution,
            self.context,
            name=selected.field.name,
            nodes=list(selected.field.nodes),
            kind=selected.definition.type,
            parent=selected.parent,
            path=response_path(selected.field.path),
        )
        return info_of(raw, selected.source)


def direct_mutation(schema: GraphQLSchema, env: CompileEnv, fields: Sequence[Field]) -> DirectMutation | None:
    """The way to run a mutation with these root fields; None where only the general executor can run it."""
    mutation = schema.mutation_type
    if mutation is None or len(fields) != 1:
        return None
    root = _selected(mutation, fields[0])
    kind = None if root is None else get_nullable_type(root.definition.type)
    if root is None or not isinstance(kind, GraphQLObjectType) or kind.name in env.catalog.types:
        return None
    chosen = fields[0].selected(env, kind.name)
    parts = [part for each in chosen if (part := _selected(kind, each)) is not None]
    if len(parts) < len(chosen) or not all(_is_simple(env, part.definition) for part in parts):
        return None
    return DirectMutation(root, tuple(parts), () if root.source is None else field_arguments(root.source))


def _selected(parent: GraphQLObjectType, selected: Field) -> Selected | None:
    if selected.name == "__typename":
        return Selected(selected, parent, TypeNameMetaFieldDef, None, lambda *_: parent.name, _as_it_is)
    definition = parent.fields[selected.name]
    source = definition_of(definition)
    call = resolver_of(source)
    if call is None:
        return None
    complete = _completion(definition.type, f"{parent.name}.{selected.name}", list(selected.nodes))
    return Selected(selected, parent, definition, source, call, complete)


def _is_simple(env: CompileEnv, definition: GraphQLField) -> bool:
    """True if a field takes no arguments and holds rows, which are planned, or plain values."""
    named = get_named_type(definition.type)
    return not definition.args and (is_leaf_type(named) or named.name in env.catalog.types)


def _completion(kind: GraphQLOutputType, label: str, nodes: Collection[Node]) -> Complete:
    """A function that completes values of a type; `label` names the field in errors about null."""
    if is_non_null_type(kind):
        return _required(_completion(kind.of_type, label, nodes), label)
    if is_list_type(kind):
        return _list(_completion(kind.of_type, label, nodes), nodes)
    if is_leaf_type(kind):
        return lambda value, _: None if value is None else kind.coerce_output_value(value)
    return _as_it_is


def _required(complete: Complete, label: str) -> Complete:
    def required(value: Any, path: ResponsePath) -> Any:
        completed = complete(value, path)
        if completed is None:
            raise TypeError(f"Cannot return null for non-nullable field {label}.")
        return completed

    return required


def _list(item: Complete, nodes: Collection[Node]) -> Complete:
    def complete(values: Any, path: ResponsePath) -> Any:
        return None if values is None else [at(value, (*path, place)) for place, value in enumerate(values)]

    def at(value: Any, path: ResponsePath) -> Any:
        try:
            return item(value, path)
        except Exception as error:
            raise located_error(error, nodes, path) from error

    return complete


def _as_it_is(value: Any, _: ResponsePath) -> Any:
    """A row is JSON that PostgreSQL has made, and the payload is made of its parts."""
    return value
