"""Rows counted and measured by groups of equal values, times also by hour, day, week or month."""

from dataclasses import dataclass

from gql.planner import names
from gql.planner.aggregates import Filtered, compile_measures, only_counts
from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType, output
from gql.planner.conversions import integer
from gql.planner.errors import ArgumentInvalid
from gql.planner.selection import Field
from gql.planner.statement import Statement
from gql.planner.values import Value, member_name

BUCKETS = ("HOUR", "DAY", "WEEK", "MONTH")
DEFAULT_GROUPS = 100
MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class GroupKey:
    """Something to group by: a column, or the hour, day, week or month of a time (in UTC)."""

    member: str
    field: str
    column: Column
    bucket: str = ""

    @property
    def description(self) -> str:
        """A sentence about the column, or about the part of the time."""
        if not self.bucket:
            return self.column.description
        return f"The {self.bucket.lower()} of `{self.column.field}`, in UTC."

    def expression(self, statement: Statement, table: TableType, alias: str) -> str:
        """`date_trunc('day', task$1.created_at, 'UTC')`"""
        plain = statement.column(table, self.column, alias)
        return f"date_trunc('{self.bucket.lower()}', {plain}, 'UTC')" if self.bucket else plain


def group_keys(table: TableType) -> dict[str, GroupKey]:
    """The keys by which rows of a table can be grouped, by the enum's member: CREATED_AT, CREATED_AT_DAY."""
    keys: dict[str, GroupKey] = {}
    for column in table.columns.values():
        if column.kind is ColumnType.JSON:
            continue
        member = names.constant(column.field)
        keys[member] = GroupKey(member, column.field, column)
        if column.kind is ColumnType.DATETIME:
            for bucket in BUCKETS:
                field = column.field + bucket.capitalize()
                keys[f"{member}_{bucket}"] = GroupKey(f"{member}_{bucket}", field, column, bucket)
    return keys


def compile_groups(chosen: Filtered, field: Field) -> str:
    """A JSON array of groups, ordered by their keys.

    `SELECT coalesce(json_agg(item$1), '[]'::json) FROM (SELECT key$1 AS "key", groups$1.count$1 AS "count"
    FROM (SELECT task$1.status AS part$1, count(*) AS count$1 FROM tasks AS task$1
    GROUP BY 1 ORDER BY 1 LIMIT 100) AS groups$1
    CROSS JOIN LATERAL (SELECT groups$1.part$1 AS "status") AS key$1) AS item$1`
    """
    statement, table = chosen.statement, chosen.table
    arguments = field.arguments(statement.env)
    alias, name, item = (statement.alias(stem) for stem in (table.label, "groups", "item"))
    keys = _chosen_keys(table, arguments["by"])
    parts = {key.field: statement.alias("part") for key in keys}
    inner = [f"{key.expression(statement, table, alias)} AS {parts[key.field]}" for key in keys]
    type_name = f"{table.name}Group"
    fields = field.selected(statement.env, type_name)
    read = {key.column.name for key in keys} if only_counts(fields) else None
    source = chosen.source(alias, read)
    figures = [part for part in fields if part.name != "key"]
    measures = compile_measures(statement, table, alias, name, figures, type_name, source.count)
    shown = dict(zip((part.key for part in fields if part.name != "key"), measures.outer, strict=True))
    joins = list(measures.joins)
    columns = []
    for part in fields:
        if part.name == "key":
            key = statement.alias("key")
            joins.append(
                f"\nCROSS JOIN LATERAL (SELECT {_key(statement, table, part, name, parts)}) AS {key}"
            )
            shown[part.key] = f'{key} AS "{part.key}"'
        columns.append(shown[part.key])
    numbers = ", ".join(str(number) for number in range(1, len(keys) + 1))
    having = f"\nHAVING {source.count} > 0" if source.counted else ""
    grouping = f"\nGROUP BY {numbers}{having}\nORDER BY {numbers}" if keys else ""
    selected = ", ".join([*inner, *measures.inner]) or "count(*)"
    order = f"\nORDER BY {', '.join(f'{name}.{part}' for part in parts.values())}" if parts else ""
    return (
        f"SELECT coalesce(json_agg({item}), '[]'::json)\nFROM (\nSELECT {', '.join(columns)}\n"
        f"FROM (\nSELECT {selected}\n{source.text}{grouping}\nLIMIT {_limit(arguments)}\n) AS {name}"
        f"{''.join(joins)}{order}\n) AS {item}"
    )


def _chosen_keys(table: TableType, by: Value) -> list[GroupKey]:
    offered = group_keys(table)
    chosen = {member_name(element.plain()): None for element in by.elements()}
    return [offered[name] for name in chosen]


def _key(statement: Statement, table: TableType, field: Field, around: str, parts: dict[str, str]) -> str:
    offered = {key.field: key for key in group_keys(table).values()}
    columns = []
    for part in field.selected(statement.env, f"{table.name}GroupKey"):
        if part.name == "__typename":
            expression = f"'{table.name}GroupKey'"
        elif part.name in parts:
            column = offered[part.name].column
            expression = output(f"{around}.{parts[part.name]}", column.kind, column.choices)
        else:
            expression = "NULL"
        columns.append(f'{expression} AS "{part.key}"')
    return ", ".join(columns)


def _limit(arguments: dict[str, Value]) -> int:
    first = arguments.get("first")
    if first is None or first.is_null:
        return DEFAULT_GROUPS
    size = integer(first.plain())
    if not 0 <= size <= MOST_GROUPS:
        raise ArgumentInvalid(f"`first` must be between 0 and {MOST_GROUPS}.", first.path)
    return size
