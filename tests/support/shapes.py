"""Checks that an answer has the shape that the schema promises, and selections of all that a type has.

The check shares nothing with the server: it walks the document beside the data.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    parse,
)

from gql.planner.aggregates import PERCENTILE

_DIGITS: Final = r"(?:0|-?[1-9]\d*)"
_DATE: Final = r"(?:\d{4}|[1-9]\d{4,5})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?\+00:00"
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "DateTime": re.compile(rf"{_DATE}T{_TIME}(?: BC)?|-?infinity"),
    "Date": re.compile(rf"{_DATE}(?: BC)?|-?infinity"),
    "UUID": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "BigInt": re.compile(_DIGITS),
}
"""What docs/api.md says of the texts of scalars; times outside of RFC 3339 are as in PostgreSQL's JSON."""
_PARTS: Final = ("Connection", "Edge", "Aggregate", "Group", "Payload", "Event")
"""What leads to rows without being one: no level of its own."""


@dataclass(slots=True)
class Shapes:
    """Collects what is wrong, with one example for each, and which fields of which types had a value."""

    schema: GraphQLSchema
    wrong: dict[str, str] = field(default_factory=dict)
    met: set[tuple[str, str]] = field(default_factory=set)
    _fragments: dict[str, FragmentDefinitionNode] = field(default_factory=dict)
    _document: str = ""

    def check(self, document: str, data: Any) -> None:
        """Walk `data` of the response to a document with one operation."""
        parsed: DocumentNode = parse(document)
        self._fragments = {
            node.name.value: node for node in parsed.definitions if isinstance(node, FragmentDefinitionNode)
        }
        (operation,) = (node for node in parsed.definitions if isinstance(node, OperationDefinitionNode))
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        self._document = document
        self._object(root, operation.selection_set, data, operation.operation.value)

    def note(self, what: str, example: str) -> None:
        """Note an error; of several alike the first is told."""
        self.wrong.setdefault(what, f"{example}\n  in {self._document[:1500]}")

    def right(self) -> None:
        """AssertionError with all that is wrong."""
        if self.wrong:
            told = "\n".join(f"{what}\n  {example}" for what, example in list(self.wrong.items())[:12])
            raise AssertionError(f"{len(self.wrong)} are wrong:\n{told}\n" + "\n".join(self.wrong))

    def _object(self, kind: GraphQLObjectType, selection: SelectionSetNode, data: Any, place: str) -> None:
        if not isinstance(data, dict):
            self.note(f"{kind.name} is no object", f"{place} is {_short(data)}")
            return
        asked = dict(self._fields(kind, selection))
        if list(data) != list(asked):
            self.note(f"{kind.name} has other fields", f"{place} has {list(data)}, not {list(asked)}")
            return
        for name, nodes in asked.items():
            self._field(kind, name, nodes, data[name], f"{place}.{name}")

    def _field(
        self, kind: GraphQLObjectType, name: str, nodes: Sequence[FieldNode], value: Any, place: str
    ) -> None:
        called = nodes[0].name.value
        if called == "__typename":
            if value != kind.name:
                self.note(f"__typename of {kind.name}", f"{place} is {_short(value)}")
            return
        if value is not None:
            self.met.add((kind.name, called))
        selections = tuple(
            selection for node in nodes if node.selection_set for selection in node.selection_set.selections
        )
        where = (f"{kind.name}.{called}", place)
        self._value(kind.fields[called].type, SelectionSetNode(selections=selections), value, where)

    def _value(
        self, kind: GraphQLOutputType, selection: SelectionSetNode, value: Any, where: tuple[str, str]
    ) -> None:
        owner, place = where
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
            if value is None:
                self.note(f"{owner} is null", f"{place} is null, though it is {kind}!")
                return
        if value is None:
            return
        if isinstance(kind, GraphQLList):
            if not isinstance(value, list):
                self.note(f"{owner} is no list", f"{place} is {_short(value)}")
                return
            for number, each in enumerate(value):
                self._value(kind.of_type, selection, each, (owner, f"{place}[{number}]"))
        elif isinstance(kind, GraphQLObjectType):
            self._object(kind, selection, value, place)
        elif isinstance(kind, GraphQLInterfaceType):
            found = (
                self.schema.type_map.get(str(value.get("__typename"))) if isinstance(value, dict) else None
            )
            if isinstance(found, GraphQLObjectType) and self.schema.is_sub_type(kind, found):
                self._object(found, selection, value, place)
            else:
                self.note(f"{owner} is no {kind}", f"{place} is {_short(value)}")
        elif not _is_leaf(kind, value):
            self.note(f"{owner} is no {kind}", f"{place} is {_short(value)}")

    def _fields(
        self, kind: GraphQLObjectType, selection: SelectionSetNode
    ) -> Iterator[tuple[str, list[FieldNode]]]:
        """The fields by their key in the response, in its order."""
        found: dict[str, list[FieldNode]] = {}
        for node in selection.selections:
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
                continue
            assert isinstance(node, InlineFragmentNode | FragmentSpreadNode)
            fragment = node if isinstance(node, InlineFragmentNode) else self._fragments[node.name.value]
            if self._applies(kind, fragment):
                for name, nodes in self._fields(kind, fragment.selection_set):
                    found.setdefault(name, []).extend(nodes)
        yield from found.items()

    def _applies(self, kind: GraphQLObjectType, node: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        if node.type_condition is None:
            return True
        wanted = self.schema.type_map[node.type_condition.name.value]
        return wanted is kind or (
            isinstance(wanted, GraphQLInterfaceType) and self.schema.is_sub_type(wanted, kind)
        )


def _short(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:100]


def _is_leaf(kind: GraphQLNamedType, value: Any) -> bool:
    if isinstance(kind, GraphQLEnumType):
        return isinstance(value, str) and value in kind.values
    assert isinstance(kind, GraphQLScalarType)
    match kind.name:
        case "JSON":
            return True
        case "String" | "ID":
            return isinstance(value, str)
        case "Boolean":
            return isinstance(value, bool)
        case "Int":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
        case "Float":
            return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        case name:
            return isinstance(value, str) and FORMS[name].fullmatch(value) is not None


def everything(schema: GraphQLSchema, kind: GraphQLNamedType, depth: int, on: str = "") -> str:
    """A selection of every field of a type that needs no argument, through `depth` levels of rows.

    Where any row may stand, those of the type `on` are selected whole: two types have fields of one name.
    """
    if isinstance(kind, GraphQLInterfaceType):
        inner = f"... on {on} {everything(schema, schema.type_map[on], depth)}" if on else ""
        return f"{{ __typename {inner} }}"
    assert isinstance(kind, GraphQLObjectType)
    parts = (_selected(schema, kind, name, found, depth, on) for name, found in kind.fields.items())
    return f"{{ __typename {' '.join(part for part in parts if part)} }}"


def _selected(
    schema: GraphQLSchema, kind: GraphQLObjectType, name: str, found: GraphQLField, depth: int, on: str
) -> str:
    inner = get_named_type(found.type)
    arguments = "(first: 2)" if "first" in found.args else ""
    if name == "groups":
        members: Any = get_named_type(found.args["by"].type)
        arguments = f"(by: [{', '.join(list(members.values)[:3])}], first: 2)"
    elif name == PERCENTILE:
        arguments = "(p: 0.95)"
    elif any(isinstance(argument.type, GraphQLNonNull) for argument in found.args.values()):
        return ""
    if is_leaf_type(inner):
        return f"{name}{arguments}"
    levels = depth if kind.name.endswith(_PARTS) else depth - 1
    return "" if levels < 0 else f"{name}{arguments} {everything(schema, inner, levels, on)}"
