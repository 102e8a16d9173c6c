"""Every odd value finds its own rows, and none but those, given as a variable and as a literal."""

from collections import defaultdict
from typing import Any

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from gql.planner.operators import operators_of
from tests.integration.odd_values.conftest import OddAsker, refused
from tests.integration.reading.conftest import CATALOG
from tests.support.differences import Differences
from tests.support.plain.texts import (
    Texts,
    as_text,
    by_key,
    canonical,
    identities,
    identity,
    is_plain_json,
    is_sayable,
    keys,
    told,
    written,
)
from tests.support.stored import stored

OPERATORS = {
    "eq": "t.{0} = cell::{1}",
    "neq": "t.{0} IS DISTINCT FROM cell::{1}",
    "lt": "t.{0} < cell::{1}",
    "lte": "t.{0} <= cell::{1}",
    "gt": "t.{0} > cell::{1}",
    "gte": "t.{0} >= cell::{1}",
    "startsWith": "starts_with(t.{0}, cell)",
    "contains": "strpos(t.{0}, cell) > 0",
    "like": "t.{0} LIKE cell",
    "ilike": "t.{0} ILIKE cell",
}
"""In SQL; {0} is the column, {1} its type, `cell` the value as text."""
SQL_TYPES = {ColumnType.CHOICE: "text", ColumnType.JSON: "jsonb"}


async def test_comparisons_find_the_rows_that_sql_finds(asker: OddAsker, texts: Texts) -> None:
    """Each column is asked for equality with every other value, and for the rest by an operator in turn."""
    differences = Differences()
    turn = 0
    for table in stored(CATALOG):
        for column in table.columns.values():
            if column.kind is ColumnType.JSON:
                continue
            cells = await _cells(texts, table, column)
            further = [name for name in operators_of(column.kind) if name in OPERATORS and name != "eq"]
            turn += 1
            for half, operator in enumerate(["eq", further[turn % len(further)]]):
                given = [
                    cell.rstrip("\\") if "like" in operator else cell
                    for number, cell in enumerate(cells)
                    if (number + turn + half) % 2
                ]
                expected = await _expected(texts, table, column, operator, given)
                for cell in given:
                    await _compare(differences, asker, table, column, operator, cell, expected[cell])
    differences.none(2_000)


async def _cells(texts: Texts, table: TableType, column: Column) -> list[str]:
    """The column's values, as texts."""
    found = await texts.fetch(
        f"SELECT DISTINCT {as_text(column, f't.{column.name}')} AS cell FROM {table.table} t"
        f" WHERE t.{column.name} IS NOT NULL ORDER BY 1"
    )
    hosts = dict.fromkeys(record["cell"].partition("/")[0] for record in found)
    return list(hosts) if column.kind is ColumnType.ADDRESS else [record["cell"] for record in found]


async def _expected(
    texts: Texts, table: TableType, column: Column, operator: str, cells: list[str]
) -> dict[str, list[str]]:
    """For each value, what identifies the rows that SQL finds."""
    holds = OPERATORS[operator]
    kind = SQL_TYPES.get(column.kind, column.kind.value)
    listed = ", ".join(f"{as_text(key, f't.{key.name}')} AS {key.name}" for key in table.order)
    found: dict[str, list[str]] = defaultdict(list)
    for record in await texts.fetch(
        f"SELECT cell AS asked, {listed} FROM unnest($1::text[]) AS cell"
        f" JOIN {table.table} t ON {holds.format(column.name, kind)} ORDER BY {by_key(table)}",
        cells,
    ):
        row = {key.field: told(key, record[key.name]) for key in table.order}
        found[record["asked"]].append(identity(table, row))
    return found


async def _compare(
    differences: Differences,
    asker: OddAsker,
    table: TableType,
    column: Column,
    operator: str,
    cell: str,
    expected: list[str],
) -> None:
    value = told(column, cell)
    query, variables = _listed(table), {"where": {column.field: {operator: value}}}
    if column.kind in (ColumnType.DATETIME, ColumnType.DATE) and not is_sayable(cell):
        data = await asker.data(query, variables)
        place = f"{table.name}.{column.field} out of range"
        differences.check(place, query, variables, refused(data), canonical(data)[:500])
        return
    await _ask(
        differences, asker, table, f"{table.name}.{column.field} {operator}", query, variables, expected
    )


def _listed(table: TableType) -> str:
    return (
        f"query ($where: {table.name}Where!)"
        f" {{ list: {table.connection}(first: 500, where: $where) {{ nodes {{ {keys(table)} }} }} }}"
    )


async def _ask(
    differences: Differences,
    asker: OddAsker,
    table: TableType,
    place: str,
    query: str,
    variables: Any,
    expected: list[str],
) -> None:
    data = await asker.data(query, variables)
    found = data if "errors" in data else identities(table, data["list"]["nodes"])
    differences.compare(place, query, variables, expected, found)


async def test_a_text_finds_its_rows_as_a_literal(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    table = CATALOG.types["Task"]
    column = table.columns["description"]
    cells = await _cells(texts, table, column)
    expected = await _expected(texts, table, column, "eq", cells)
    for cell in cells:
        where = f"{{description: {{eq: {written(cell)}}}}}"
        query = f"{{ list: tasks(first: 500, where: {where}) {{ nodes {{ id }} }} }}"
        await _ask(differences, asker, table, "literal", query, {}, expected[cell])
    differences.none(20)


async def test_json_finds_its_own_row(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in stored(CATALOG):
        rows = await texts.rows(table)
        for column in table.columns.values():
            if column.kind is not ColumnType.JSON:
                continue
            for key, row in rows.items():
                value = row[column.field]
                if value is None:
                    continue
                for operator, operand in (("contains", value), ("path", {"at": [], "eq": value})):
                    variables = {"where": {column.field: {operator: operand}}}
                    data = await asker.data(_listed(table), variables)
                    if "errors" in data:
                        holds = not is_plain_json(value) and refused(data)
                    else:
                        holds = key in identities(table, data["list"]["nodes"])
                    place = f"{table.name}.{column.field} {operator}"
                    differences.check(place, _listed(table), variables, holds, canonical(data)[:500])
    differences.none(500)
