"""The reading API executed plainly: graphql-core, one resolver a field, over rows held in memory.

It shares nothing with the planner but the catalog's names: conditions, orders, pages, figures and the rules
of who sees what are written out a second time, as simply as can be, so that the two can be compared.
"""

import ipaddress
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema, execute_sync, parse, print_schema

from gql.planner.catalog import Catalog, Column, TableType
from gql.planner.groups import group_keys
from gql.planner.kinds import Kind
from gql.scalars import format_moment

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seer:
    """Whoever reads."""

    user_id: int
    is_admin: bool


@dataclass(slots=True)
class World:
    """Every row of every table of the API, by type."""

    catalog: Catalog
    rows: dict[str, list[Row]]
    _visible: dict[tuple[Seer, str], list[Row]] = field(default_factory=dict)

    def visible(self, seer: Seer, type_name: str) -> list[Row]:
        """The rows that somebody may see, in key order."""
        known = self._visible.get((seer, type_name))
        if known is None:
            table = self.catalog.types[type_name]
            found = [
                row for row in self.rows[type_name] if seer.is_admin or self._may(seer, table.table, row)
            ]
            known = self._visible[seer, type_name] = found
        return known

    def may(self, seer: Seer, table: str, column: str, value: Any) -> bool:
        """Whether the row of a table with this value is there and may be seen."""
        type_name = next(found.name for found in self.catalog.types.values() if found.table == table)
        return value is not None and any(
            row[column] == value and self._may(seer, table, row) for row in self.rows[type_name]
        )

    def _may(self, seer: Seer, table: str, row: Row) -> bool:
        """api.md and client §3: written out by hand, table by table."""
        me = seer.user_id

        def member(project: Row) -> bool:
            listed = orjson.loads(project["collaborators"] or "[]")
            return bool(project["owner_id"] == me or any(each["user_id"] == me for each in listed))

        def in_project_of_mine() -> bool:
            return any(member(each) for each in self.rows["Project"] if each["id"] == row["project_id"])

        def joined(shared: Row, states: Sequence[str]) -> bool:
            return any(
                part["collaboration_session_id"] == shared["id"]
                and part["user_id"] == me
                and part["state"] in states
                for part in self.rows["CollaborationParticipant"]
            )

        def hosts_or_takes_part(shared: Row) -> bool:
            runs = any(
                each["session_id"] == shared["session_id"] and each["user_id"] == me
                for each in self.rows["Session"]
            )
            return (
                runs
                or shared["host_user_id"] == me
                or joined(shared, ("requested", "joined", "left", "refused"))
            )

        match table:
            case "users":
                return True
            case "projects" | "projects_archive":
                return bool(member(row) or row["is_public"])
            case "sessions":
                shared = any(
                    each["session_id"] == row["session_id"]
                    and joined(each, ("joined",))
                    and (each["expires_at"] is None or each["expires_at"] > datetime.now(UTC))
                    for each in self.rows["CollaborationSession"]
                )
                return row["user_id"] == me or in_project_of_mine() or shared
            case "worktrees":
                return row["user_id"] == me or in_project_of_mine()
            case "collaboration_sessions":
                return bool(hosts_or_takes_part(row) or row["is_public"])
            case "collaboration_participants":
                shares = self.rows["CollaborationSession"]
                (shared_session,) = (each for each in shares if each["id"] == row["collaboration_session_id"])
                return row["user_id"] == me or hosts_or_takes_part(shared_session)
            case "system_settings":
                return bool(row["is_public"])
            case "websocket_notifications":
                if row["socket_id"] is not None:
                    return self.may(seer, "websocket_sessions", "id", row["socket_id"])
                return row["project_id"] is None or self.may(
                    seer, "projects", "project_id", row["project_id"]
                )
            case "worktree_sync_history":
                return self.may(seer, "worktrees", "worktree_id", row["source_worktree_id"])
            case "file_operations":
                return self.may(seer, "sessions", "session_id", row["session_id"])
            case "tasks_archive" | "mcp_messages_archive":
                return self.may(seer, "projects_archive", "project_id", row["project_id"])
            case "readonly_project_stats":
                return self.may(seer, "projects", "project_id", row["id"])
            case "mcp_message_stats" | "parallel_execution_stats" | "error_summary":
                return False
            case "auth_tokens" | "notification_settings" | "notification_history" | "system_logs":
                return bool(row["user_id"] == me)
            case "websocket_sessions":
                return bool(row["user_id"] == me)
            case "git_worktrees":
                return self._behind(
                    seer,
                    row,
                    project_id=("projects", "project_id"),
                    cc_instance_id="cc_instances",
                    task_id="tasks",
                )
            case "task_dependencies":
                return self._behind(seer, row, task_id="tasks")
            case "ultrathink_messages":
                return self._behind(
                    seer,
                    row,
                    parent_instance_id="cc_instances",
                    child_instance_id="cc_instances",
                    task_id="tasks",
                )
            case "mcp_messages":
                return self._behind(seer, row, cc_instance_id="cc_instances")
            case "mcp_tool_calls":
                return self._behind(seer, row, cc_instance_id="cc_instances", message_id="mcp_messages")
            case "cc_logs" | "task_logs":
                return self._behind(seer, row, cc_instance_id="cc_instances", task_id="tasks")
            case _:
                return self._behind(seer, row, project_id=("projects", "project_id"))

    def _behind(self, seer: Seer, row: Row, **targets: str | tuple[str, str]) -> bool:
        pairs = (
            (column, *((target, "id") if isinstance(target, str) else target))
            for column, target in targets.items()
        )
        return any(self.may(seer, table, key, row[column]) for column, table, key in pairs)

    def value(self, seer: Seer, table: TableType, column: Column, row: Row) -> Any:
        """What somebody reads in a column."""
        if column.private and not seer.is_admin and row["id"] != seer.user_id:
            return None
        value = row[column.name]
        if column.kind is Kind.JSON and value is not None:
            return orjson.loads(value)
        return value


async def read_world(connection: "asyncpg.Connection[asyncpg.Record]", catalog: Catalog) -> World:
    """Take every row of the API's tables into memory."""
    rows: dict[str, list[Row]] = {}
    for table in catalog.types.values():
        order = ", ".join(column.name for column in table.order)
        found = await connection.fetch(f"SELECT * FROM {table.table} ORDER BY {order}")
        rows[table.name] = [dict(record) for record in found]
    return World(catalog, rows)


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
    """`sum`, `avg`, `min` or `max` over rows."""

    function: str
    counted: Counted


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
            return self._counted(source, name)
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
                shown = {column.field: self._shown(seer, table, column, row) for column in columns}
                if shown == wanted:
                    return Item(table, row)
            return None
        table = catalog.connections[name]
        return self._listed(seer, table, self.world.visible(seer, table.name), arguments)

    def _node(self, seer: Seer, node_id: str) -> Item | None:
        type_name, key = node_id.split(":", 1)
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
            return f"{table.name}:{row[table.node_key.name]}"
        if name in table.columns:
            return self._shown(seer, table, table.columns[name], row)
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

    def _shown(self, seer: Seer, table: TableType, column: Column, row: Row) -> Any:
        return shown(column, self.world.value(seer, table, column, row))

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
                found = self.world.value(seer, table, column, row)
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
        for entry in entries:
            read, direction = self._term(seer, table, entry)
            descending = direction.startswith("DESC")
            terms.append((read, descending, "FIRST" in direction or (descending and "LAST" not in direction)))
        terms += [(itemgetter(column.name), descending, descending) for column in table.order]

        def compare(one: Row, other: Row) -> int:
            for read, reverse, nulls_first in terms:
                result = _compare(read(one), read(other), reverse=reverse, nulls_first=nulls_first)
                if result:
                    return result
            return 0

        return sorted(rows, key=cmp_to_key(compare))

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
        if column.kind is Kind.JSON:
            path = value["at"]
            return (
                lambda row: _json_order(at(self.world.value(seer, table, column, row), path)),
                value.get("direction", "ASC"),
            )
        return lambda row: self.world.value(seer, table, column, row), value

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
        return {column.field: self.world.value(seer, table, column, row) for column in table.columns.values()}

    def _groups(self, seer: Seer, listed: Listed, arguments: Mapping[str, Any]) -> list[Counted]:
        members = dict.fromkeys(arguments["by"])
        rows = [self._read(seer, listed.table, row) for row in listed.rows]
        parts = [_part(listed.table, member) for member in members]
        if not parts:
            return [Counted(listed.table, rows)][: arguments.get("first", 100)]

        def key(row: Row) -> tuple[Any, ...]:
            return tuple(_sortable(_bucket(row[column.field], bucket)) for column, _, bucket in parts)

        found = []
        for _, group in groupby(sorted(rows, key=key), key=key):
            members_of_group = list(group)
            first = members_of_group[0]
            values = {
                name: shown(column, _bucket(first[column.field], bucket)) for column, name, bucket in parts
            }
            found.append(Counted(listed.table, members_of_group, values))
        return found[: arguments.get("first", 100)]

    def _counted(self, counted: Counted, name: str) -> Any:
        if name == "count":
            return len(counted.rows)
        if name == "key":
            columns = [*counted.table.columns]
            buckets = [
                f"{column}{bucket}" for column in columns for bucket in ("Hour", "Day", "Week", "Month")
            ]
            return dict.fromkeys([*columns, *buckets]) | dict(counted.key)
        return Figures(name, counted)

    def _figure(self, seer: Seer, figures: Figures, name: str) -> Any:
        column = figures.counted.table.columns[name]
        values = [row[name] for row in figures.counted.rows if row[name] is not None]
        if not values:
            return None
        if figures.function in ("min", "max"):
            return shown(column, min(values) if figures.function == "min" else max(values))
        total = sum(values)
        if figures.function == "avg":
            return float(total / len(values))
        return str(total) if column.kind in (Kind.INT, Kind.BIGINT) else float(total)


def shown(column: Column, value: Any) -> Any:
    """A value in the API's JSON form."""
    if value is None:
        return None
    if column.choices is not None:
        return column.choices(value).name
    if column.kind in (Kind.BIGINT, Kind.UUID):
        return str(value)
    if column.kind is Kind.ADDRESS:
        return str(getattr(value, "ip", value))
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def operate(column: Column, value: Any, operator: str, operand: Any) -> bool:
    """Whether one operator of a filter holds. A comparison with nothing is false."""
    if operator == "isNull":
        return (value is None) is operand
    if operator in ("neq", "notIn"):
        return not operate(column, value, "eq" if operator == "neq" else "in", operand)
    if value is None:
        return False
    if column.kind is Kind.JSON:
        return _json_operate(value, operator, operand)
    if operator == "in":
        return any(operate(column, value, "eq", each) for each in operand)
    if operator in ("like", "ilike", "startsWith", "contains"):
        return _matches(value, operator, operand)
    other = _given(column, operand)
    here = str(getattr(value, "ip", value)) if column.kind is Kind.ADDRESS else value
    return _holds(here, operator, other)


def _holds(value: Any, operator: str, other: Any) -> bool:
    return bool(
        {
            "eq": lambda: value == other,
            "lt": lambda: value < other,
            "lte": lambda: value <= other,
            "gt": lambda: value > other,
            "gte": lambda: value >= other,
        }[operator]()
    )


def _given(column: Column, operand: Any) -> Any:
    if column.choices is not None:
        return column.choices[operand].value
    match column.kind:
        case Kind.DATETIME:
            return datetime.fromisoformat(operand)
        case Kind.DATE:
            return date.fromisoformat(operand)
        case Kind.BIGINT:
            return int(operand)
        case Kind.UUID:
            return UUID(operand)
        case Kind.ADDRESS:
            return str(ipaddress.ip_address(operand))
        case _:
            return operand


def _matches(value: str, operator: str, operand: str) -> bool:
    if operator == "startsWith":
        return value.startswith(operand)
    if operator == "contains":
        return operand in value
    return _like(value.lower(), operand.lower()) if operator == "ilike" else _like(value, operand)


def _like(value: str, pattern: str) -> bool:
    if not pattern:
        return not value
    head, rest = pattern[0], pattern[1:]
    if head == "%":
        return any(_like(value[start:], rest) for start in range(len(value) + 1))
    if head == "\\":
        head, rest = rest[0], rest[1:]
    elif head == "_":
        return bool(value) and _like(value[1:], rest)
    return value[:1] == head and _like(value[1:], rest)


def at(value: Any, path: Sequence[str]) -> Any:
    """What stands at a path in a JSON value; None for nothing and for null."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _json_operate(value: Any, operator: str, operand: Any) -> bool:
    if operator == "hasKey":
        return operand in value if isinstance(value, dict | list) else value == operand
    if operator == "contains":
        return _contains(value, operand)
    found = at(value, operand["at"])
    return all(_at_operate(found, name, other) for name, other in operand.items() if name != "at")


def _at_operate(found: Any, operator: str, operand: Any) -> bool:
    if operator == "isNull":
        return (found is None) is operand
    if operator in ("neq", "notIn"):
        return not _at_operate(found, "eq" if operator == "neq" else "in", operand)
    if found is None:
        return False
    if operator == "eq":
        return _kind(found) == _kind(operand) and bool(found == operand)
    if operator == "in":
        return any(_at_operate(found, "eq", each) for each in operand)
    if operator in ("like", "ilike", "startsWith"):
        text = found if isinstance(found, str) else orjson.dumps(found).decode()
        return _matches(text, operator, operand)
    return _kind(found) == _kind(operand) and _holds(found, operator, operand)


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, dict) and isinstance(part, dict):
        return all(key in value and _contains(value[key], inner) for key, inner in part.items())
    if isinstance(value, list) and isinstance(part, list):
        return all(any(_contains(each, inner) for each in value) for inner in part)
    return _kind(value) == _kind(part) and bool(value == part)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _json_order(value: Any) -> Any:
    """jsonb puts texts before numbers before booleans before arrays before objects."""
    if value is None:
        return None
    if isinstance(value, list):
        return (3, len(value), [_json_order(each) for each in value])
    if isinstance(value, dict):
        return (4, len(value), sorted(value))
    return (["str", "number", "boolean"].index(_kind(value)), 0, value)


def _compare(one: Any, other: Any, *, reverse: bool, nulls_first: bool) -> int:
    if one is None or other is None:
        if one is other:
            return 0
        return -1 if (one is None) is nulls_first else 1
    if one == other:
        return 0
    return -1 if (one < other) is not reverse else 1


def _part(table: TableType, member: str) -> tuple[Column, str, str]:
    key = group_keys(table)[member]
    return key.column, key.field, key.bucket.capitalize()


def _bucket(value: Any, bucket: str) -> Any:
    if not bucket or value is None:
        return value
    day = value.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "Hour": value.replace(minute=0, second=0, microsecond=0),
        "Day": day,
        "Week": day - timedelta(days=day.weekday()),
        "Month": day.replace(day=1),
    }[bucket]


def _sortable(value: Any) -> Any:
    if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface | ipaddress.IPv4Address):
        value = (value.version, int(getattr(value, "ip", value)))
    return (value is None, 0 if value is None else value)


def alike(one: Any, other: Any) -> bool:
    """Equality of JSON, in which the last digits of fractions do not count; of objects also the order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return _kind(one) == _kind(other) == "number" and math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)
