"""Pages in the order of any column come to their end, both ways, with every row once: as SQL orders them."""

import pytest

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from tests.integration.odd_values.conftest import OddAsker
from tests.integration.reading.conftest import CATALOG
from tests.support.differences import Differences
from tests.support.plain.texts import Texts, by_key, canonical, identity, keys
from tests.support.stored import stored

SIZE = 7
MOST_PAGES = 20
SQL = {
    "ASC": "ASC",
    "DESC": "DESC",
    "ASC_NULLS_FIRST": "ASC NULLS FIRST",
    "DESC_NULLS_LAST": "DESC NULLS LAST",
}
WALKS = (("first", "after", "ASC"), ("last", "before", "DESC"), ("last", "before", "ASC_NULLS_FIRST"))
"""Columns take turns, and each column of a kind is walked by the same code."""


@pytest.mark.long
async def test_pages_over_every_column_end_with_every_row_once(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    turn = 0
    for table in stored(CATALOG):
        for column in table.columns.values():
            size, beyond, direction = WALKS[turn % len(WALKS)]
            await _walk(differences, asker, texts, table, column, size, beyond, direction)
            turn += 1
    differences.none(400)


async def _walk(
    differences: Differences,
    asker: OddAsker,
    texts: Texts,
    table: TableType,
    column: Column,
    size: str,
    beyond: str,
    direction: str,
) -> None:
    """Go from page to page and compare what was met with one statement of SQL."""
    entry = f"{{at: [], direction: {direction}}}" if column.kind is ColumnType.JSON else direction
    query = (
        f"query ($cursor: String) {{ list: {table.connection}({size}: {SIZE}, {beyond}: $cursor,"
        f" orderBy: [{{{column.field}: {entry}}}]) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage"
        f" startCursor endCursor }} edges {{ cursor node {{ {keys(table)} }} }} }} }}"
    )
    more, edge = ("hasNextPage", "endCursor") if size == "first" else ("hasPreviousPage", "startCursor")
    found: list[str] = []
    cursor = None
    for _ in range(MOST_PAGES):
        data = await asker.data(query, {"cursor": cursor})
        if "errors" in data:
            found.append(canonical(data))
            break
        page = data["list"]
        rows = [identity(table, each["node"]) for each in page["edges"]]
        found = found + rows if size == "first" else rows + found
        cursor = page["pageInfo"][edge]
        if not page["pageInfo"][more]:
            break
    # In a path, JSON's null is nothing.
    first = f"NULLIF(t.{column.name}, 'null')" if column.kind is ColumnType.JSON else f"t.{column.name}"
    rest = [f"t.{each.name} {direction.partition('_')[0]}" for each in table.order if each is not column]
    expected = await texts.identities(table, f"ORDER BY {', '.join([f'{first} {SQL[direction]}', *rest])}")
    differences.compare(
        f"{table.name} by {column.field} {direction} {size}", query, {"cursor": cursor}, expected, found
    )


async def test_pages_over_the_column_of_a_relation_end_with_every_row_once(
    asker: OddAsker, texts: Texts
) -> None:
    """The order of a task's project's times, texts and numbers."""
    differences = Differences()
    table = CATALOG.types["Task"]
    for column in CATALOG.types["Project"].columns.values():
        if column.kind is ColumnType.JSON:
            continue
        query = (
            f"query ($cursor: String) {{ list: tasks(first: {SIZE}, after: $cursor,"
            f" orderBy: [{{project: {{{column.field}: DESC_NULLS_LAST}}}}])"
            " { pageInfo { hasNextPage endCursor } nodes { id } } }"
        )
        found: list[str] = []
        cursor = None
        for _ in range(MOST_PAGES):
            data = await asker.data(query, {"cursor": cursor})
            if "errors" in data:
                found.append(canonical(data))
                break
            found += [identity(table, node) for node in data["list"]["nodes"]]
            cursor = data["list"]["pageInfo"]["endCursor"]
            if not data["list"]["pageInfo"]["hasNextPage"]:
                break
        expected = await texts.identities(
            table,
            "LEFT JOIN projects p ON p.project_id = t.project_id"
            f" ORDER BY p.{column.name} DESC NULLS LAST, {by_key(table)} DESC",
        )
        differences.compare(f"project.{column.field}", query, {}, expected, found)
    differences.none(15)
