"""Counts, sums, least and greatest, percentiles, and groups of odd values, as SQL counts them."""

from typing import Any

import pytest

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from tests.integration.odd_values.conftest import OddAsker
from tests.integration.reading.conftest import CATALOG, SCHEMA
from tests.support.differences import Differences
from tests.support.plain.texts import Texts, as_text, exact, told
from tests.support.stored import stored

SQL = {
    "min": "min({0})",
    "max": "max({0})",
    "sum": "sum({0})",
    "avg": "avg({0})",
    "percentile": "percentile_cont(0.95) WITHIN GROUP (ORDER BY {0})",
}
ARGUMENTS = {"percentile": "(p: 0.95)"}
BUCKETS = ("", "HOUR", "DAY", "WEEK", "MONTH")


def _fields(name: str) -> tuple[str, ...]:
    kind: Any = SCHEMA._schema.type_map.get(name)
    return tuple(kind.fields) if kind else ()


def _constant(field: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in field)


async def test_figures_of_every_column(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in stored(CATALOG):
        parts = {name: _fields(f"{table.name}{name.capitalize()}") for name in SQL}
        selection = " ".join(
            f"{name}{ARGUMENTS.get(name, '')} {{ {' '.join(each)} }}" for name, each in parts.items() if each
        )
        query = f"{{ list: {table.connection} {{ aggregate {{ count {selection} }} }} }}"
        data = await asker.data(query)
        if "errors" in data:
            differences.compare(f"{table.name} aggregate", query, {}, {}, data)
            continue
        for function, each in parts.items():
            for field in each:
                column = table.columns[field]
                expected = await _figure(texts, table, column, function)
                place = f"{table.name} {function} {field}"
                differences.compare(place, query, {}, expected, data["list"]["aggregate"][function][field])
    differences.none(400)


async def _figure(texts: Texts, table: TableType, column: Column, function: str) -> Any:
    expression = SQL[function].format(f"t.{column.name}")
    whole = function == "sum" and column.kind in (ColumnType.INT, ColumnType.BIGINT)
    if function in ("sum", "avg", "percentile") and not whole:
        expression = f"{expression}::double precision"
    found = await texts.fetch(f"SELECT {as_text(column, expression)} AS cell FROM {table.table} t")
    cell: str | None = found[0]["cell"]
    if cell is None or whole:
        return cell  # a sum of whole numbers may be longer than 64 bits, and is told as a text
    return told(column, cell) if function in ("min", "max") else exact(cell)


@pytest.mark.long
async def test_groups_of_every_column(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in stored(CATALOG):
        for column in table.columns.values():
            for bucket in BUCKETS if column.kind is ColumnType.DATETIME else BUCKETS[:1]:
                if column.kind is not ColumnType.JSON:
                    await _group(differences, asker, texts, table, column, bucket)
    differences.none(700)


async def _group(
    differences: Differences, asker: OddAsker, texts: Texts, table: TableType, column: Column, bucket: str
) -> None:
    member = _constant(column.field) + (f"_{bucket}" if bucket else "")
    field = column.field + bucket.capitalize()
    groups = f"groups(by: [{member}], first: 500) {{ key {{ {field} }} count }}"
    query = f"{{ list: {table.connection} {{ {groups} }} }}"
    expression = f"date_trunc('{bucket}', t.{column.name}, 'UTC')" if bucket else f"t.{column.name}"
    data = await asker.data(query)
    answer = data if "errors" in data else data["list"]["groups"]
    place = f"{table.name} groups by {member}"
    found = await texts.fetch(
        f"SELECT {as_text(column, expression)} AS cell, count(*) AS count FROM {table.table} t"
        f" GROUP BY {expression} ORDER BY {expression}"
    )
    expected = [{"key": {field: told(column, each["cell"])}, "count": each["count"]} for each in found]
    differences.compare(place, query, {}, expected, answer)
