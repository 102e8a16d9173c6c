"""Checks that fields of one response key can be merged (GraphQL, 5.3.2), in time linear in the fields.

graphql-core compares each field of a name with each other one and gives up after so many comparisons; a
valid document within all limits would be refused. What has to be equal is an equivalence over the fields
of a name, so comparing each of them with the first is enough. The words about a conflict are left to
graphql-core.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    print_ast,
)


class Conflict(NamedTuple):
    """Two fields of a response key that cannot both be answered."""

    key: str
    one: FieldNode
    other: FieldNode


class _Found(NamedTuple):
    """A field, the type that it was selected on, and its own type; None for what does not exist."""

    node: FieldNode
    parent: GraphQLNamedType | None
    kind: GraphQLOutputType | None


_Level: TypeAlias = "dict[str, list[_Found]]"
"""By response key, the fields that are selected on the same objects."""


def first_conflict(schema: GraphQLSchema, document: DocumentNode) -> Conflict | None:
    """The first conflict in an operation, if there is one; the document may be invalid otherwise."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    search = _Search(schema, fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            root = schema.get_root_type(node.operation)
            conflict = search.merging(search.level([(node.selection_set, root)]))
            if conflict is not None:
                return conflict
    return None


class _Search:
    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._merged: set[tuple[int, ...]] = set()

    def level(self, sets: Iterable[tuple[SelectionSetNode, GraphQLNamedType | None]]) -> _Level:
        """The fields of these selection sets, with those of their fragments, each once."""
        level: _Level = {}
        visited: set[str] = set()
        seen: set[int] = set()
        for selections, parent in sets:
            self._collect(selections, parent, level, visited, seen)
        return level

    def _collect(
        self,
        selections: SelectionSetNode,
        parent: GraphQLNamedType | None,
        level: _Level,
        visited: set[str],
        seen: set[int],
    ) -> None:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                if id(selection) in seen:
                    continue
                seen.add(id(selection))
                name = selection.name.value
                definition = self._schema.get_field(parent, name) if is_composite_type(parent) else None
                key = selection.alias.value if selection.alias else name
                level.setdefault(key, []).append(
                    _Found(selection, parent, definition.type if definition else None)
                )
                continue
            condition = None
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                fragment = self._fragments.get(name)
                if fragment is None or name in visited:
                    continue
                visited.add(name)
                inner, condition = fragment.selection_set, fragment.type_condition
            else:
                inner, condition = selection.selection_set, selection.type_condition  # type: ignore[attr-defined]
            kind = parent if condition is None else self._schema.get_type(condition.name.value)
            self._collect(inner, kind, level, visited, seen)

    def merging(self, level: _Level) -> Conflict | None:
        """A conflict among fields that one object may have to answer together."""
        for key, fields in level.items():
            # The type that a field is selected on depends on its place in the document alone.
            nodes = tuple(id(found.node) for found in fields)
            if nodes in self._merged:
                continue
            self._merged.add(nodes)
            conflict = self._shapes(key, fields) or self._together(key, fields)
            if conflict is not None:
                return conflict
        return None

    def _together(self, key: str, fields: list[_Found]) -> Conflict | None:
        """A field on an object type never meets one on another; it meets those on interfaces."""
        objects: dict[str, list[_Found]] = {}
        anywhere = []
        for found in fields:
            if isinstance(found.parent, GraphQLObjectType):
                objects.setdefault(found.parent.name, []).append(found)
            else:
                anywhere.append(found)
        for meeting in [[*group, *anywhere] for group in objects.values()] or [anywhere]:
            first, *others = meeting
            asked = _asked(first.node) if others else None
            for found in others:
                if _asked(found.node) != asked:
                    return Conflict(key, first.node, found.node)
            conflict = self.merging(self._inner(meeting))
            if conflict is not None:
                return conflict
        if len(objects) > 1:
            return self._same_shapes(self._inner(fields))
        return None

    def _same_shapes(self, level: _Level) -> Conflict | None:
        """A conflict of types alone: objects that differ may answer with other fields, not other shapes."""
        for key, fields in level.items():
            conflict = self._shapes(key, fields) or self._same_shapes(self._inner(fields))
            if conflict is not None:
                return conflict
        return None

    def _shapes(self, key: str, fields: list[_Found]) -> Conflict | None:
        known = [found for found in fields if found.kind is not None]
        for found in known[1:]:
            if found.kind is not known[0].kind and _shape(found.kind) != _shape(known[0].kind):
                return Conflict(key, known[0].node, found.node)
        return None

    def _inner(self, fields: Sequence[_Found]) -> _Level:
        return self.level(
            (found.node.selection_set, None if found.kind is None else get_named_type(found.kind))
            for found in fields
            if found.node.selection_set is not None
        )


def _shape(kind: GraphQLOutputType | None) -> str:
    """Equal for types whose values look alike: lists and non-nulls in the same places, equal leaves."""
    if is_non_null_type(kind):
        return f"{_shape(kind.of_type)}!"
    if is_list_type(kind):
        return f"[{_shape(kind.of_type)}]"
    return str(kind) if is_leaf_type(kind) else "{}"


def _asked(node: FieldNode) -> tuple[object, ...]:
    """The field and its arguments, in whatever order they are written."""
    arguments = sorted((argument.name.value, _value(argument.value)) for argument in node.arguments or ())
    return (node.name.value, *arguments)


def _value(node: ValueNode) -> str:
    if isinstance(node, ListValueNode):
        return f"[{', '.join(_value(value) for value in node.values)}]"
    if isinstance(node, ObjectValueNode):
        fields = sorted(f"{field.name.value}: {_value(field.value)}" for field in node.fields)
        return f"{{{', '.join(fields)}}}"
    return print_ast(node)
