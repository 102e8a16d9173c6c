"""Random queries over the schema: selections, arguments, fragments, variables, aliases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from hypothesis.strategies import DataObject, booleans, integers, lists, sampled_from

from gql.planner.aggregates import PERCENTILE
from gql.planner.catalog import Catalog, Column, TableType
from gql.planner.column_types import ColumnType
from gql.planner.groups import group_keys
from gql.planner.node_ids import make_node_id
from gql.planner.operators import operators_of
from gql.planner.order import Direction
from tests.support.plain.rows import World
from tests.support.plain.values import shown
from tests.support.stored import is_measured, stored

MOST_FIELDS = 4
DEEPEST = 4
PAGE = 4
SEARCHES = ("東京", "京", "alpha", "alpha 東京", "test", "", "%", "here")


class Name(str):
    """A member of an enum, which is written without quotes."""

    __slots__ = ()


@dataclass(slots=True)
class Query:
    """A document and its variables."""

    text: str
    variables: dict[str, Any]


@dataclass(slots=True)
class QueryWriter:
    """Draws one query. Values in filters and keys are taken from the world, so that some of them are met.

    `search` draws searches too; fields named in `without` are never selected.
    """

    schema: GraphQLSchema
    catalog: Catalog
    world: World
    data: DataObject
    search: bool = False
    without: frozenset[str] = frozenset()
    _declared: dict[str, str] = field(default_factory=dict)
    _variables: dict[str, Any] = field(default_factory=dict)
    _fragments: list[str] = field(default_factory=list)

    def write(self) -> Query:
        """A query with up to three root fields."""
        root = self.schema.query_type
        assert root is not None
        text = self._selection(root, 0, most=3)
        declared = ", ".join(f"${name}: {kind}" for name, kind in self._declared.items())
        head = f"query Q({declared}) " if declared else ""
        return Query("\n".join([head + text, *self._fragments]), self._variables)

    def _chance(self, one_in: int) -> bool:
        return self.data.draw(integers(1, one_in)) == 1

    def pick(self, values: Any) -> Any:
        """One of these."""
        listed = list(values)
        return listed[self.data.draw(integers(0, len(listed) - 1))]

    def _selection(
        self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int, most: int = MOST_FIELDS
    ) -> str:
        names = [name for name, found in kind.fields.items() if self._may_select(kind, name, found, depth)]
        chosen = self.data.draw(lists(sampled_from(names), min_size=1, max_size=most))
        parts = [self._field(kind, name, number, depth) for number, name in enumerate(chosen)]
        if self._chance(8):
            parts.append("__typename")
        if self._chance(10) and depth:
            name = f"F{len(self._fragments)}"
            self._fragments.append("")
            self._fragments[int(name[1:])] = f"fragment {name} on {kind.name} {{ {' '.join(parts)} }}"
            return f"{{ ...{name} }}"
        if self._chance(10):
            return f"{{ ... on {kind.name} {{ {' '.join(parts)} }} __typename }}"
        return f"{{ {' '.join(parts)} }}"

    def _may_select(
        self, kind: GraphQLObjectType | GraphQLInterfaceType, name: str, found: GraphQLField, depth: int
    ) -> bool:
        if name in ("cursor", "startCursor", "endCursor") or name in self.without:
            return False
        if is_measured(self.catalog, get_named_type(found.type).name):
            return False
        deep = depth >= DEEPEST and not kind.name.endswith(("Connection", "Edge", "Aggregate", "Group"))
        return is_leaf_type(get_named_type(found.type)) or not deep

    def _field(
        self, kind: GraphQLObjectType | GraphQLInterfaceType, name: str, number: int, depth: int
    ) -> str:
        found = kind.fields[name]
        inner = get_named_type(found.type)
        arguments = self._arguments(name, found, inner.name)
        directive = self._directive()
        # Two fields of one name differ in their arguments, so each gets a key of its own.
        text = f"k{number}_{name}: {name}{arguments}{directive}"
        if isinstance(inner, GraphQLInterfaceType):
            return f"{text} {{ nodeId __typename ... on Task {{ name }} ... on User {{ username email }} }}"
        if isinstance(inner, GraphQLObjectType):
            return f"{text} {self._selection(inner, depth + 1)}"
        return text

    def _directive(self) -> str:
        if not self._chance(12):
            return ""
        value = self.data.draw(booleans())
        name = self._declare("Boolean!", value)
        return f" @{self.pick(['include', 'skip'])}(if: ${name})"

    def _arguments(self, name: str, found: GraphQLField, kind: str) -> str:
        values: dict[str, Any] = {}
        if "nodeId" in found.args:
            values["nodeId"] = self._node_id()
        elif "nodeIds" in found.args:
            values["nodeIds"] = [self._node_id() for _ in range(self.data.draw(integers(0, 4)))]
        elif "by" in found.args and "first" not in found.args:
            values["by"] = self._key(self.catalog.types[kind])
        elif name == "groups":
            members = [Name(member) for member in group_keys(self.catalog.types[kind.removesuffix("Group")])]
            values["by"] = self.data.draw(lists(sampled_from(members), min_size=0, max_size=3))
        elif name == PERCENTILE:
            values["p"] = self.pick([0, 0.25, 0.5, 0.95, 1])
        elif "where" in found.args:
            values = self._listing(self.catalog.types[kind.removesuffix("Connection")])
        if "maxDepth" in found.args and self._chance(2):
            values["maxDepth"] = self.data.draw(integers(1, 3))
        if not values:
            return ""
        written = (f"{key}: {self._written(value, found.args[key])}" for key, value in values.items())
        return f"({', '.join(written)})"

    def _listing(self, table: TableType) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if not self._chance(3):
            values[self.pick(["first", "first", "last"])] = self.data.draw(integers(0, PAGE))
        if self._chance(2):
            values["where"] = self._where(table, 2)
        if self._chance(2):
            count = self.data.draw(integers(1, 2))
            values["orderBy"] = [self.order(table, 2) for _ in range(count)]
        if self.search and table.search is not None and self._chance(2):
            values["search"] = self.pick(SEARCHES)
            if self._chance(2):
                values["orderBy"] = [{"rank": Name(self.pick(["ASC", "DESC"]))}]
        return values

    def _where(self, table: TableType, depth: int) -> dict[str, Any]:
        where: dict[str, Any] = {}
        for _ in range(self.data.draw(integers(0, 2))):
            choice = self.data.draw(integers(0, 9))
            if choice <= 5 or not depth:
                column = self.pick(table.columns.values())
                where[column.field] = self._condition(table, column)
            elif choice == 6:
                where["not"] = self._where(table, depth - 1)
            elif choice == 7:
                key = self.pick(["and", "or"])
                where[key] = [self._where(table, depth - 1) for _ in range(self.data.draw(integers(0, 2)))]
            elif table.relations:
                relation = self.pick(table.relations.values())
                inner = self._where(self.catalog.types[relation.target], depth - 1)
                where[relation.field] = (
                    {self.pick(["some", "every", "none"]): inner} if relation.is_list else inner
                )
        return where

    def _condition(self, table: TableType, column: Column) -> dict[str, Any]:
        operator = self.pick(operators_of(column.kind))
        if operator == "isNull":
            return {operator: self.data.draw(booleans())}
        if column.kind is ColumnType.JSON:
            return {operator: self._json_operand(operator)}
        values = [self._met(table, column) for _ in range(2)]
        if operator in ("in", "notIn"):
            return {operator: values[: self.data.draw(integers(0, 2))]}
        if operator in ("like", "ilike", "startsWith", "contains"):
            return {
                operator: self.pick(
                    ["%a%", "_e%", "", "a\\_b%", "%", "東", str(values[0])[:2].replace("\\", "")]
                )
            }
        return {operator: values[0]}

    def _json_operand(self, operator: str) -> Any:
        if operator == "hasKey":
            return self.pick(["a", "b", "nope"])
        if operator == "contains":
            return self.pick([{}, {"a": 1}, {"b": [1]}, [], {"b": {"c": 2.5}}])
        path = self.pick([["a"], ["b"], ["b", "c"], ["b", "1"], []])
        inner = self.pick(["eq", "neq", "in", "lt", "gte", "isNull", "startsWith"])
        operand = {
            "in": [1, "x"],
            "isNull": self.data.draw(booleans()),
            "startsWith": "x",
        }.get(inner, self.pick([1, 2, "x", 2.5]))
        return {"at": path, inner: operand}

    def _met(self, table: TableType, column: Column) -> Any:
        """A value that stands in some row, in the form that an argument has."""
        found = [row[column.name] for row in self.world.rows[table.name] if row[column.name] is not None]
        defaults: Mapping[ColumnType, Any] = {
            ColumnType.INT: 1,
            ColumnType.BIGINT: "1",
            ColumnType.UUID: "00000000-0000-4000-8000-000000000000",
            ColumnType.DATETIME: "2026-03-01T12:00:00Z",
            ColumnType.DATE: "2026-03-01",
            ColumnType.ADDRESS: "192.0.2.1",
            ColumnType.BOOLEAN: True,
            ColumnType.FLOAT: 1.5,
            ColumnType.DECIMAL: 1.5,
            ColumnType.TEXT: "x",
        }
        if column.choices is not None:
            return Name(self.pick(column.choices).name)
        return shown(column, self.pick(found)) if found else defaults[column.kind]

    def order(self, table: TableType, depth: int) -> dict[str, Any]:
        """An entry of `orderBy`, on a column of the table or of one up to `depth` steps away."""
        towards_one = [relation for relation in table.relations.values() if not relation.is_list]
        if depth and towards_one and self._chance(3):
            relation = self.pick(towards_one)
            return {relation.field: self.order(self.catalog.types[relation.target], depth - 1)}
        column = self.pick(
            [column for column in table.columns.values() if column.kind is not ColumnType.ADDRESS]
        )
        direction = Name(self.pick(Direction).name)
        if column.kind is ColumnType.JSON:
            return {column.field: {"at": self.pick([["a"], ["b"]]), "direction": direction}}
        return {column.field: direction}

    def _key(self, table: TableType) -> dict[str, Any]:
        key = self.pick(table.keys)
        values = {column.field: self._met(table, column) for column in key.columns}
        return {key.field: values if len(values) > 1 else next(iter(values.values()))}

    def _node_id(self) -> str:
        table = self.pick([table for table in stored(self.catalog) if table.node_key is not None])
        assert table.node_key is not None
        return make_node_id(table.name, self._met(table, table.node_key))

    def _written(self, value: Any, argument: GraphQLArgument) -> str:
        if self._chance(3):
            return f"${self._declare(str(argument.type), value)}"
        return self.literal(value)

    def _declare(self, kind: str, value: Any) -> str:
        name = f"v{len(self._variables)}"
        self._declared[name] = kind
        self._variables[name] = value
        return name

    def literal(self, value: Any) -> str:
        """A value as it is written in a document."""
        if isinstance(value, Name):
            return str(value)
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {self.literal(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self.literal(inner) for inner in value) + "]"
        return orjson.dumps(value).decode()
