"""Every odd value comes out of every way to a row exactly as it is stored."""

import base64

from gql.planner.catalog import Column, TableType
from gql.planner.column_types import ColumnType
from tests.integration.odd_values.conftest import OddAsker
from tests.integration.reading.conftest import CATALOG
from tests.support.differences import Differences
from tests.support.plain.texts import Texts, Told, canonical, fields, identity, is_sayable, keys
from tests.support.stored import stored

TABLES = stored(CATALOG)


async def test_lists_show_what_is_stored(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in TABLES:
        rows = await texts.rows(table)
        query = f"{{ list: {table.connection}(first: 500) {{ totalCount nodes {{ {fields(table)} }} }} }}"
        data = (await asker.data(query)).get("list", {"totalCount": "errors", "nodes": []})
        differences.compare(f"{table.name} totalCount", query, {}, len(rows), data["totalCount"])
        found = {identity(table, node): node for node in data["nodes"]}
        for key, row in rows.items():
            for column in table.columns:
                place = f"{table.name}.{column}"
                differences.compare(place, query, {}, row[column], found.get(key, {}).get(column))
    differences.none(10_000)


async def test_node_ids_lead_to_their_rows(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in TABLES:
        if table.node_key is None:
            continue
        rows = list((await texts.rows(table)).values())
        ids = [_node_id(table, row) for row in rows]
        query = (
            f"query ($ids: [ID!]!) {{ nodes(nodeIds: $ids)"
            f" {{ nodeId ... on {table.name} {{ {fields(table)} }} }} }}"
        )
        data = await asker.data(query, {"ids": ids})
        expected = [{"nodeId": node_id, **row} for node_id, row in zip(ids, rows, strict=True)]
        differences.compare(f"{table.name} nodes", query, {"ids": ids}, {"nodes": expected}, data)
    differences.none(25)


async def test_every_key_leads_to_its_row(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in TABLES:
        for key in table.keys:
            if not key.unique:
                continue
            names = [column.field for column in key.columns]
            rows = [
                row
                for row in (await texts.rows(table)).values()
                if all(row[column.field] is not None and _can_be_sent(column, row) for column in key.columns)
            ]
            variables = {
                f"v{number}": {
                    key.field: {name: row[name] for name in names} if len(names) > 1 else row[names[0]]
                }
                for number, row in enumerate(rows)
            }
            declared = ", ".join(f"${name}: {table.name}By!" for name in variables)
            parts = (f"{name}: {table.lookup}(by: ${name}) {{ {fields(table)} }}" for name in variables)
            query = f"query ({declared}) {{ {' '.join(parts)} }}"
            data = await asker.data(query, variables)
            expected = dict(zip(variables, rows, strict=True))
            differences.compare(f"{table.name} by {key.field}", query, variables, expected, data)
    differences.none(30)


async def test_relations_lead_to_whole_rows(asker: OddAsker, texts: Texts) -> None:
    differences = Differences()
    for table in TABLES:
        rows = await texts.rows(table)
        if not rows:
            continue
        for relation in table.relations.values():
            target = CATALOG.types[relation.target]
            here, there = _field(table, relation.local), _field(target, relation.remote)
            inner = fields(target)
            part = f"(first: 500) {{ nodes {{ {inner} }} }}" if relation.is_list else f"{{ {inner} }}"
            query = (
                f"{{ list: {table.connection}(first: 500)"
                f" {{ nodes {{ {keys(table)} {relation.field} {part} }} }} }}"
            )
            others = list((await texts.rows(target)).values())
            data = await asker.data(query)
            found = {identity(table, node): node[relation.field] for node in data["list"]["nodes"]}
            for key, row in rows.items():
                behind = [other for other in others if other[there] == row[here] is not None]
                answer = found[key]
                if relation.is_list:
                    answer = sorted(map(canonical, answer["nodes"]))
                    expected: object = sorted(map(canonical, behind))
                else:
                    expected = behind[0] if behind else None
                place = f"{table.name}.{relation.field}"
                differences.compare(place, query, {}, expected, answer)
    differences.none(2_000)


def _can_be_sent(column: Column, row: Told) -> bool:
    return column.kind is not ColumnType.DATE or is_sayable(row[column.field])


def _node_id(table: TableType, row: Told) -> str:
    assert table.node_key is not None
    return base64.b64encode(f"{table.name}:{row[table.node_key.field]}".encode()).decode()


def _field(table: TableType, name: str) -> str:
    return next(column.field for column in table.columns.values() if column.name == name)
