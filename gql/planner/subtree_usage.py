"""Usage of models by an instance and all below it: figures over visible rows only."""

from dataclasses import dataclass

from gql.planner.column_types import ColumnType, output
from gql.planner.hierarchy import with_subtree
from gql.planner.selection import Field
from gql.planner.statement import Statement

TYPE = "SubtreeUsage"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: the SQL that makes it of rows `{row}` of cc_usage, its kind, and what it means."""

    sql: str
    kind: ColumnType
    description: str


def _sum(column: str, description: str) -> Figure:
    return Figure(f"coalesce(sum({{row}}.{column}), 0)", ColumnType.BIGINT, description)


FIGURES = {
    "requests": Figure("count(*)", ColumnType.INT, "How many requests there were."),
    "inputTokens": _sum("input_tokens", "Tokens that were read anew."),
    "outputTokens": _sum("output_tokens", "Tokens that were written."),
    "cacheReadTokens": _sum("cache_read_tokens", "Tokens that were read from the cache."),
    "cacheCreationTokens": _sum("cache_creation_tokens", "Tokens that were put into the cache."),
    "costMicroUsd": _sum(
        "cost_micro_usd", "Cost in millionths of a US dollar, as far as it was told or estimated."
    ),
    "estimatedCostMicroUsd": Figure(
        "coalesce(sum({row}.cost_micro_usd) FILTER (WHERE {row}.cost_is_estimated), 0)",
        ColumnType.BIGINT,
        "The part of the cost that is estimated.",
    ),
    "requestsWithoutCost": Figure(
        "count(*) FILTER (WHERE {row}.cost_micro_usd IS NULL)",
        ColumnType.INT,
        "Requests whose cost was neither told nor estimated.",
    ),
    "durationMs": _sum("duration_ms", "How long the requests took together, in milliseconds."),
    "firstRequestedAt": Figure(
        "min({row}.requested_at)", ColumnType.DATETIME, "When the first one was made."
    ),
    "lastRequestedAt": Figure("max({row}.requested_at)", ColumnType.DATETIME, "When the last one was made."),
}
"""By field. Of an instance that used nothing, sums are 0 and times null."""


def compile_subtree_usage(statement: Statement, alias: str, field: Field) -> str:
    """One row with the figures as its columns.

    `SELECT figures$1.figure$1 AS "requests" FROM (SELECT count(*) AS figure$1 FROM (SELECT cc_instance$1.id
    UNION (WITH RECURSIVE tree AS (...) SELECT tree.id FROM tree)) AS below$1
    CROSS JOIN LATERAL (SELECT cc_usage$1.* FROM cc_usage AS cc_usage$1 WHERE ... OFFSET 0) AS cc_usage$1)
    AS figures$1`

    The rows of each instance are looked up by themselves: PostgreSQL expects many instances below one, and
    would read the whole table.
    """
    table = statement.env.catalog.types["CcUsage"]
    row, below, around = (statement.alias(stem) for stem in (table.label, "below", "figures"))
    inner: list[str] = []
    outer: list[str] = []
    for part in field.selected(statement.env, TYPE):
        if part.name == "__typename":
            expression = f"'{TYPE}'"
        else:
            figure, name = FIGURES[part.name], statement.alias("figure")
            inner.append(f"{figure.sql.format(row=row)} AS {name}")
            expression = output(f"{around}.{name}", figure.kind)
        outer.append(f'{expression} AS "{part.key}"')
    conditions = [f"{row}.cc_instance_id = {below}.id", *statement.visible(table, row)]
    used = f"SELECT {row}.* FROM {table.table} AS {row} WHERE {' AND '.join(conditions)} OFFSET 0"
    return (
        f"SELECT {', '.join(outer)}\nFROM (\nSELECT {', '.join(inner) or 'count(*)'}\n"
        f"FROM ({with_subtree(statement, alias)}) AS {below}\n"
        f"CROSS JOIN LATERAL (\n{used}\n) AS {row}\n) AS {around}"
    )
