"""Queries executed resolver by resolver."""

import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cmp_to_key
from itertools import groupby
from operator import itemgetter
from typing import Any

from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema, execute_sync, parse, print_schema

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from gql.planner.groups import group_keys
from tests.support.plain.conditions import at, operate
from tests.support.plain.rows import World
from tests.support.plain.values import bucketed, compare, json_rank, shown, sortable
from tests.support.plain.visibility import Row, Seer


@dataclass(frozen=True, slots=True)
class Item:
    """A row as a resolver's source."""

    table: TableType
    row: Row


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection: all rows that fit, in order, and the arguments of its page."""

    table: TableType
    rows: list[Row]
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows to make figures of; `key` is what a group has in common."""

    table: TableType
    rows: list[Row]
    key: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """`sum`, `avg`, `min`, `max` or `percentile` over rows; `share` is that of the last."""

    function: str
    counted: Counted
    share: float | None = None


class Plain:
    """Executes queries plainly. Cursors and `search` it leaves to tests of their own."""

    def __init__(self, schema: GraphQLSchema, world: World) -> None:
        self.schema = build_schema(print_schema(schema))
        self.world = world

    def execute(self, query: str, variables: dict[str, Any], seer: Seer) -> Any:
        """`data` of the response."""
        result = execute_sync(
            self.schema,
            parse(query),
            root_value=None,
            context_value=seer,
            variable_values=variables,
            field_resolver=self._resolve,
            type_resolver=lambda item, *_: item.table.name,
        )
        if result.errors:
            raise AssertionError(result.errors)
        return result.data

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Seer], **arguments: Any) -> Any:
        name, seer = info.field_name, info.context
        if source is None:
            return self._root(seer, name, arguments)
        if isinstance(source, Item):
            return self._field(seer, source, name, arguments)
        if isinstance(source, Listed):
            return self._connection(seer, source, name, arguments)
        if isinstance(source, Counted):
            return self._counted(source, name, arguments)
        if isinstance(source, Figures):
            return self._figure(seer, source, name)
        return source[name]

    def _root(self, seer: Seer, name: str, arguments: Mapping[str, Any]) -> Any:
        catalog = self.world.catalog
        if name == "me":
            return self._one(seer, catalog.types["User"], "id", seer.user_id)
        if name == "node":
            return self._node(seer, arguments["nodeId"])
        if name == "nodes":
            return [self._node(seer, node_id) for node_id in arguments["nodeIds"]]
        if name in catalog.lookups:
            table = catalog.lookups[name]
            ((key, value),) = arguments["by"].items()
            if key == "nodeId":
                return self._node(seer, value)
            columns = next(found for found in table.keys if found.field == key).columns
            wanted = value if len(columns) > 1 else {columns[0].field: value}
            for row in self.world.visible(seer, table.name):
                shown = {column.field: self._shown(seer, column, row) for column in columns}
                if shown == wanted:
                    return Item(table, row)
            return None
        table = catalog.connections[name]
        return self._listed(seer, table, self.world.visible(seer, table.name), arguments)

    def _node(self, seer: Seer, node_id: str) -> Item | None:
        type_name, key = b64decode(node_id).decode().split(":", 1)
        table = self.world.catalog.types[type_name]
        column = table.node_key
        assert column is not None
        for row in self.world.visible(seer, type_name):
            if str(row[column.name]) == key:
                return Item(table, row)
        return None

    def _one(self, seer: Seer, table: TableType, column: str, value: Any) -> Item | None:
        for row in self.world.visible(seer, table.name):
            if value is not None and row[column] == value:
                return Item(table, row)
        return None

    def _field(self, seer: Seer, item: Item, name: str, arguments: Mapping[str, Any]) -> Any:
        table, row = item.table, item.row
        if name == "nodeId":
            assert table.node_key is not None
            return b64encode(f"{table.name}:{row[table.node_key.name]}".encode()).decode()
        if name in table.columns:
            return self._shown(seer, table.columns[name], row)
        relation = table.relations.get(name)
        if relation is None:
            return self._derived(seer, table, row, name, arguments)
        target = self.world.catalog.types[relation.target]
        if not relation.is_list:
            return self._one(seer, target, relation.remote, row[relation.local])
        key = row[relation.local]
        found = [
            other
            for other in self.world.visible(seer, target.name)
            if key is not None and other[relation.remote] == key
        ]
        return self._listed(seer, target, found, arguments)

    def _derived(
        self, seer: Seer, table: TableType, row: Row, name: str, arguments: Mapping[str, Any]
    ) -> Any:
        if name in ("ancestors", "depth"):
            found = self._ancestors(seer, row)
            return len(found) if name == "depth" else self._listed(seer, table, found, arguments)
        if name == "descendants":
            found = self._descendants(seer, row, arguments.get("maxDepth", 100))
            return self._listed(seer, table, found, arguments)
        if name == "subtreeUsage":
            return self._usage(seer, [row, *self._descendants(seer, row, 100)])
        edges = [edge for edge in self.world.rows["TaskDependency"] if edge["dependency_type"] != "suggests"]
        if name == "isReady":
            waits = {edge["dependency_task_id"] for edge in edges if edge["task_id"] == row["id"]}
            return row["status"] in ("PENDING", "QUEUED") and not any(
                task["id"] in waits and task["status"] != "COMPLETED" for task in self.world.rows["Task"]
            )
        given, wanted = (
            ("task_id", "dependency_task_id") if name == "blockedBy" else ("dependency_task_id", "task_id")
        )
        keys = {edge[wanted] for edge in edges if edge[given] == row["id"]}
        tasks = [task for task in self.world.visible(seer, "Task") if task["id"] in keys]
        return self._listed(seer, table, tasks, arguments)

    def _ancestors(self, seer: Seer, row: Row) -> list[Row]:
        found: list[Row] = []
        while True:
            above = self._one(seer, self.world.catalog.types["CcInstance"], "id", row["parent_instance_id"])
            if above is None:
                return found
            row = above.row
            found.append(row)

    def _descendants(self, seer: Seer, row: Row, levels: int) -> list[Row]:
        level, found = [row["id"]], []
        for _ in range(levels):
            below = [
                each for each in self.world.visible(seer, "CcInstance") if each["parent_instance_id"] in level
            ]
            level = [each["id"] for each in below]
            found += below
        return found

    def _usage(self, seer: Seer, instances: list[Row]) -> dict[str, Any]:
        keys = {instance["id"] for instance in instances}
        used = [row for row in self.world.visible(seer, "CcUsage") if row["cc_instance_id"] in keys]
        times = [row["requested_at"] for row in used]
        at_column = self.world.catalog.types["CcUsage"].columns["requestedAt"]
        costs = [(row["cost_micro_usd"], row["cost_is_estimated"]) for row in used]
        sums = {
            "inputTokens": "input_tokens",
            "outputTokens": "output_tokens",
            "cacheReadTokens": "cache_read_tokens",
            "cacheCreationTokens": "cache_creation_tokens",
            "durationMs": "duration_ms",
        }
        return {
            "requests": len(used),
            **{field: str(sum(row[column] or 0 for row in used)) for field, column in sums.items()},
            "costMicroUsd": str(sum(cost or 0 for cost, _ in costs)),
            "estimatedCostMicroUsd": str(sum(cost or 0 for cost, is_estimated in costs if is_estimated)),
            "requestsWithoutCost": sum(cost is None for cost, _ in costs),
            "firstRequestedAt": shown(at_column, min(times, default=None)),
            "lastRequestedAt": shown(at_column, max(times, default=None)),
        }

    def _shown(self, seer: Seer, column: Column, row: Row) -> Any:
        return shown(column, self.world.value(seer, column, row))

    def _listed(self, seer: Seer, table: TableType, rows: list[Row], arguments: Mapping[str, Any]) -> Listed:
        where = arguments.get("where")
        kept = [row for row in rows if where is None or self._fits(seer, table, row, where)]
        return Listed(table, self._ordered(seer, table, kept, arguments.get("orderBy") or []), arguments)

    def _fits(self, seer: Seer, table: TableType, row: Row, where: Mapping[str, Any]) -> bool:
        for name, value in where.items():
            if name == "and":
                fits = all(self._fits(seer, table, row, inner) for inner in value)
            elif name == "or":
                fits = any(self._fits(seer, table, row, inner) for inner in value)
            elif name == "not":
                fits = not self._fits(seer, table, row, value)
            elif name in table.relations:
                fits = self._related_fits(seer, table, row, name, value)
            else:
                column = table.columns[name]
                found = self.world.value(seer, column, row)
                fits = all(operate(column, found, operator, operand) for operator, operand in value.items())
            if not fits:
                return False
        return True

    def _related_fits(
        self, seer: Seer, table: TableType, row: Row, name: str, value: Mapping[str, Any]
    ) -> bool:
        relation = table.relations[name]
        target = self.world.catalog.types[relation.target]
        key = row[relation.local]
        others = [
            other
            for other in self.world.visible(seer, target.name)
            if key is not None and other[relation.remote] == key
        ]
        if not relation.is_list:
            return not value or any(self._fits(seer, target, other, value) for other in others)
        quantifiers: dict[str, Callable[[Iterator[bool]], bool]] = {
            "some": any,
            "every": all,
            "none": lambda answers: not any(answers),
        }
        return all(
            quantifiers[quantifier](self._fits(seer, target, other, inner) for other in others)
            for quantifier, inner in value.items()
        )

    def _ordered(
        self, seer: Seer, table: TableType, rows: list[Row], entries: Iterable[Mapping[str, Any]]
    ) -> list[Row]:
        terms: list[tuple[Callable[[Row], Any], bool, bool]] = []
        descending = False
        ordered: set[tuple[str, ...]] = set()
        for entry in entries:
            if (place := _place(entry)) in ordered:  # what is ordered already is not ordered again
                continue
            ordered.add(place)
            read, direction = self._term(seer, table, entry)
            descending = direction.startswith("DESC")
            terms.append((read, descending, "FIRST" in direction or (descending and "LAST" not in direction)))
        terms += [(itemgetter(column.name), descending, descending) for column in table.order]

        def compare_rows(one: Row, other: Row) -> int:
            for read, reverse, nulls_first in terms:
                result = compare(read(one), read(other), reverse=reverse, nulls_first=nulls_first)
                if result:
                    return result
            return 0

        return sorted(rows, key=cmp_to_key(compare_rows))

    def _term(
        self, seer: Seer, table: TableType, entry: Mapping[str, Any]
    ) -> tuple[Callable[[Row], Any], str]:
        ((name, value),) = entry.items()
        relation = table.relations.get(name)
        if relation is not None:
            target = self.world.catalog.types[relation.target]
            read, direction = self._term(seer, target, value)

            def behind(row: Row) -> Any:
                found = self._one(seer, target, relation.remote, row[relation.local])
                return None if found is None else read(found.row)

            return behind, direction
        column = table.columns[name]
        if column.kind is ColumnType.JSON:
            path = value["at"]
            return (
                lambda row: json_rank(at(self.world.value(seer, column, row), path)),
                value.get("direction", "ASC"),
            )
        return lambda row: self.world.value(seer, column, row), value

    def _connection(self, seer: Seer, listed: Listed, name: str, arguments: Mapping[str, Any]) -> Any:
        table, rows = listed.table, listed.rows
        size = listed.arguments.get("last", listed.arguments.get("first", 50))
        backward = "last" in listed.arguments
        page = rows[max(len(rows) - size, 0) :] if backward else rows[:size]
        if name == "nodes":
            return [Item(table, row) for row in page]
        if name == "edges":
            return [{"node": Item(table, row)} for row in page]
        if name == "pageInfo":
            more = len(rows) > size
            return {"hasNextPage": more and not backward, "hasPreviousPage": more and backward}
        if name == "totalCount":
            return len(rows)
        if name == "aggregate":
            return Counted(table, [self._read(seer, table, row) for row in rows])
        return self._groups(seer, listed, arguments)

    def _read(self, seer: Seer, table: TableType, row: Row) -> Row:
        return {column.field: self.world.value(seer, column, row) for column in table.columns.values()}

    def _groups(self, seer: Seer, listed: Listed, arguments: Mapping[str, Any]) -> list[Counted]:
        members = dict.fromkeys(arguments["by"])
        rows = [self._read(seer, listed.table, row) for row in listed.rows]
        parts = [_part(listed.table, member) for member in members]
        if not parts:
            return [Counted(listed.table, rows)][: arguments.get("first", 100)]

        def key(row: Row) -> tuple[Any, ...]:
            return tuple(sortable(bucketed(row[column.field], bucket)) for column, _, bucket in parts)

        found = []
        for _, group in groupby(sorted(rows, key=key), key=key):
            members_of_group = list(group)
            first = members_of_group[0]
            values = {
                name: shown(column, bucketed(first[column.field], bucket)) for column, name, bucket in parts
            }
            found.append(Counted(listed.table, members_of_group, values))
        return found[: arguments.get("first", 100)]

    def _counted(self, counted: Counted, name: str, arguments: Mapping[str, Any]) -> Any:
        if name == "count":
            return len(counted.rows)
        if name == "key":
            columns = [*counted.table.columns]
            buckets = [
                f"{column}{bucket}" for column in columns for bucket in ("Hour", "Day", "Week", "Month")
            ]
            return dict.fromkeys([*columns, *buckets]) | dict(counted.key)
        return Figures(name, counted, arguments.get("p"))

    def _figure(self, seer: Seer, figures: Figures, name: str) -> Any:
        column = figures.counted.table.columns[name]
        values = [row[name] for row in figures.counted.rows if row[name] is not None]
        if not values:
            return None
        if figures.function in ("min", "max"):
            return shown(column, min(values) if figures.function == "min" else max(values))
        if figures.share is not None:
            return _percentile(sorted(map(float, values)), figures.share)
        total = sum(values)
        if figures.function == "avg":
            return float(total / len(values))
        return str(total) if column.kind in (ColumnType.INT, ColumnType.BIGINT) else float(total)


def _part(table: TableType, member: str) -> tuple[Column, str, str]:
    key = group_keys(table)[member]
    return key.column, key.field, key.bucket.capitalize()


def _percentile(values: list[float], share: float) -> float:
    """The value at `share` of the way from the least to the greatest, between two values a part of both."""
    place = share * (len(values) - 1)
    below, above = values[math.floor(place)], values[math.ceil(place)]
    return below + (place - math.floor(place)) * (above - below)


def _place(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The subject of an entry of an order, whatever its direction: names, and a path in JSON."""
    ((name, value),) = entry.items()
    if not isinstance(value, Mapping):
        return (name,)
    if isinstance(path := value.get("at"), list):
        return (name, *map(str, path))
    return (name, *_place(value))
