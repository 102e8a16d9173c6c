"""Figures over all rows of a filter: count, sum, avg, min, max, percentile."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final, Protocol

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType, output
from gql.planner.conversions import share
from gql.planner.pages import DEFAULT_PAGE
from gql.planner.selection import Field
from gql.planner.statement import Statement

PERCENTILE: Final = "percentile"
FUNCTIONS: Final = ("sum", "avg", "min", "max", PERCENTILE)

ROWS_SORTED: Final = DEFAULT_PAGE
"""What a percentile counts as in an operation's cost, in rows: it sorts all that fit."""


@dataclass(frozen=True, slots=True)
class Source:
    """`text` is FROM and WHERE. `count` is what counts its rows.

    `counted` says that its rows are sums of rows: where that is nothing, a group is none.
    """

    text: str
    count: str = "count(*)"
    counted: bool = False


class Filtered(Protocol):
    """The rows that figures are made of."""

    @property
    def statement(self) -> Statement:
        """The statement being compiled."""

    @property
    def table(self) -> TableType:
        """The table of the rows."""

    def source(self, alias: str, read: Set[str] | None = None) -> Source:
        """`FROM tasks AS task$1 WHERE ...`; `read` are the columns that figures need, None where unknown."""


@dataclass(frozen=True, slots=True)
class Measures:
    """`inner` are computed while aggregating, `outer` is the select list around, `joins` its objects."""

    inner: tuple[str, ...]
    outer: tuple[str, ...]
    joins: tuple[str, ...]


def measured(table: TableType, function: str) -> list[Column]:
    """The columns that `sum { ... }` and the others offer."""
    if function in ("sum", "avg", PERCENTILE):
        return [column for column in table.columns.values() if column.kind.is_number]
    return [column for column in table.columns.values() if column.kind.is_ordered]


def measured_kind(function: str, kind: ColumnType) -> ColumnType:
    """The type of a figure: sums of whole numbers may need 64 bits, averages and percentiles fractions."""
    if function in ("avg", PERCENTILE):
        return ColumnType.FLOAT
    if function == "sum":
        return ColumnType.BIGINT if kind in (ColumnType.INT, ColumnType.BIGINT) else ColumnType.FLOAT
    return kind


def compile_aggregate(chosen: Filtered, field: Field) -> str:
    """One row with the figures as its columns.

    `SELECT figures$1.count$1 AS "count", sum$1 AS "sum"
    FROM (SELECT count(*) AS count$1, sum(task$1.priority) AS figure$1 FROM tasks AS task$1) AS figures$1
    CROSS JOIN LATERAL (SELECT figures$1.figure$1::text AS "priority") AS sum$1`
    """
    statement, table = chosen.statement, chosen.table
    alias = statement.alias(table.label)
    name = statement.alias("figures")
    fields = field.selected(statement.env, f"{table.name}Aggregate")
    source = chosen.source(alias, set() if only_counts(fields) else None)
    measures = compile_measures(statement, table, alias, name, fields, f"{table.name}Aggregate", source.count)
    # A selection of nothing but names is still one row.
    inner = ", ".join(measures.inner) or "count(*)"
    return (
        f"SELECT {', '.join(measures.outer)}\n"
        f"FROM (\nSELECT {inner}\n{source.text}\n) AS {name}{''.join(measures.joins)}"
    )


def only_counts(fields: Sequence[Field]) -> bool:
    """True if the number of rows is the only figure asked for."""
    return all(field.name in ("count", "__typename", "key") for field in fields)


def compile_measures(
    statement: Statement,
    table: TableType,
    alias: str,
    around: str,
    fields: Sequence[Field],
    type_name: str,
    counting: str,
) -> Measures:
    """The figures that `fields` ask for: over the rows `alias`, shown from the subquery `around`."""
    inner: list[str] = []
    outer: list[str] = []
    joins: list[str] = []
    for field in fields:
        if field.name == "__typename":
            expression = f"'{type_name}'"
        elif field.name == "count":
            count = statement.alias("count")
            inner.append(f"{counting} AS {count}")
            expression = f"{around}.{count}"
        else:
            expression = statement.alias(field.name)
            columns = _function(statement, table, alias, around, field, inner)
            joins.append(f"\nCROSS JOIN LATERAL (SELECT {', '.join(columns)}) AS {expression}")
        outer.append(f'{expression} AS "{field.key}"')
    return Measures(tuple(inner), tuple(outer), tuple(joins))


def _function(
    statement: Statement, table: TableType, alias: str, around: str, field: Field, inner: list[str]
) -> list[str]:
    type_name = f"{table.name}{field.name.capitalize()}"
    selected = field.selected(statement.env, type_name)
    # PostgreSQL refuses a parameter that nothing uses.
    call = _call(statement, field) if any(part.name != "__typename" for part in selected) else ""
    columns = []
    for part in selected:
        if part.name == "__typename":
            columns.append(f"""'{type_name}' AS "{part.key}\"""")
            continue
        column = table.columns[part.name]
        figure = statement.alias("figure")
        inner.append(f"{call.format(statement.column(table, column, alias))} AS {figure}")
        kind = measured_kind(field.name, column.kind)
        shown = f"{around}.{figure}"
        if kind is ColumnType.FLOAT:
            shown += "::double precision"
        columns.append(f'{output(shown, kind)} AS "{part.key}"')
    return columns


def _call(statement: Statement, field: Field) -> str:
    """`sum({})`, or `percentile_cont($1::double precision) WITHIN GROUP (ORDER BY {})`, of an expression.

    PostgreSQL sorts a column once for all percentiles that are asked of it.
    """
    if field.name != PERCENTILE:
        return f"{field.name}({{}})"
    place = statement.parameter(field.arguments(statement.env)["p"], share, ColumnType.FLOAT.cast)
    return f"percentile_cont({place}) WITHIN GROUP (ORDER BY {{}})"
