"""Fields that are selected, after fragments, `@skip`, `@include` and merging (GraphQL, 6.3.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
)

from gql.planner.errors import ArgumentInvalid
from gql.planner.statement import CompileEnv
from gql.planner.values import Path, Value, read

LONGEST_KEY = 63
"""Bytes of a response key: it becomes a column's name, and PostgreSQL cuts longer ones."""


@dataclass(frozen=True, slots=True)
class Field:
    """A selected field. `path` is its place in the response, lists left out."""

    key: str
    name: str
    nodes: tuple[FieldNode, ...]
    path: Path

    def arguments(self, env: CompileEnv) -> dict[str, Value]:
        """The arguments that are present, by name; one that is null is here and null."""
        found = (
            (node.name.value, read(node.value, env.variables, (*self.path, node.name.value)))
            for node in self.nodes[0].arguments or ()
        )
        return {name: value for name, value in found if value is not None}

    def selected(self, env: CompileEnv, type_name: str, *interfaces: str) -> "list[Field]":
        """The fields selected below it, on an object of this type."""
        sets = [node.selection_set for node in self.nodes if node.selection_set is not None]
        return collect(sets, env, self.path, type_name, *interfaces)


def collect(
    sets: Sequence[SelectionSetNode], env: CompileEnv, path: Path, type_name: str, *interfaces: str
) -> list[Field]:
    """The fields that these selection sets ask of an object, in the order of the response."""
    applying = {type_name, *interfaces}
    nodes: dict[str, list[FieldNode]] = {}
    # One for all sets (GraphQL, 6.3.2): a fragment in each of them would be read as often, at every level.
    visited: set[str] = set()
    for selection_set in sets:
        for node in _flatten(selection_set.selections, env, applying, visited):
            key = node.alias.value if node.alias else node.name.value
            nodes.setdefault(key, []).append(node)
    for key in nodes:
        if len(key) > LONGEST_KEY:
            raise ArgumentInvalid(f"The alias `{key}` is longer than {LONGEST_KEY} characters.", (*path, key))
    return [Field(key, found[0].name.value, tuple(found), (*path, key)) for key, found in nodes.items()]


def _flatten(
    selections: Sequence[SelectionNode], env: CompileEnv, applying: set[str], visited: set[str]
) -> Iterator[FieldNode]:
    for selection in selections:
        if not _is_included(selection.directives or (), env):
            continue
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            if condition is None or condition.name.value in applying:
                yield from _flatten(selection.selection_set.selections, env, applying, visited)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in visited:
                continue
            visited.add(name)
            fragment = env.fragments[name]
            if fragment.type_condition.name.value in applying:
                yield from _flatten(fragment.selection_set.selections, env, applying, visited)


def _is_included(directives: Sequence[DirectiveNode], env: CompileEnv) -> bool:
    for directive in directives:
        if directive.name.value not in ("skip", "include"):
            continue
        (argument,) = directive.arguments or ()
        value = read(argument.value, env.variables, ())
        if value is not None and bool(value.plain()) is (directive.name.value == "skip"):
            return False
    return True
