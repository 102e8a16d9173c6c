"""Through every way to a row, each person finds the rows that docs/security.md says are theirs to see."""

from typing import Any

from gql.execution.api import Api
from gql.planner.catalog import Key, TableType
from gql.planner.node_ids import make_node_id
from gql.request.limits import Limits
from tests.integration.reading.conftest import CATALOG, SCHEMA, Stage, ask, context
from tests.support.plain.values import shown
from tests.support.plain.visibility import Row, Seer
from tests.support.stored import stored

API = Api(SCHEMA, CATALOG, Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12))

STORED = stored(CATALOG)


async def test_node_ids_lead_to_what_one_may_see(stage: Stage) -> None:
    for kind, seer in stage.people.items():
        for table in STORED:
            if table.node_key is None:
                continue
            rows = stage.world.rows[table.name]
            ids = [make_node_id(table.name, row[table.node_key.name]) for row in rows]
            query = "query ($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } }"
            found = await ask(API, context(stage.database, seer), query, {"ids": ids})
            visible = stage.world.visible(seer, table.name)
            expected = [
                {"nodeId": node_id} if row in visible else None
                for node_id, row in zip(ids, rows, strict=True)
            ]
            assert found["nodes"] == expected, (kind, seer, query, ids)


async def test_keys_lead_to_what_one_may_see(stage: Stage) -> None:
    for table in STORED:
        for key in table.keys:
            if key.unique:
                await _try_key(stage, table, key)


async def _try_key(stage: Stage, table: TableType, key: Key) -> None:
    rows = [
        row
        for row in stage.world.rows[table.name]
        if all(row[column.name] is not None for column in key.columns)
    ]
    fields = " ".join(column.field for column in table.order)
    names = [f"v{number}" for number in range(len(rows))]
    declared = ", ".join(f"${name}: {table.name}By!" for name in names)
    parts = " ".join(f"{name}: {table.lookup}(by: ${name}) {{ {fields} }}" for name in names)
    query = f"query ({declared}) {{ {parts} }}"
    variables = {name: {key.field: _given(key, row)} for name, row in zip(names, rows, strict=True)}
    for kind, seer in stage.people.items() if rows else ():
        visible = stage.world.visible(seer, table.name)
        found = await ask(API, context(stage.database, seer), query, variables)
        for name, row in zip(names, rows, strict=True):
            known = row in visible and all(
                stage.world.value(seer, column, row) is not None for column in key.columns
            )
            expected = {column.field: shown(column, row[column.name]) for column in table.order}
            assert found[name] == (expected if known else None), (kind, seer, query, variables[name])


def _given(key: Key, row: Row) -> Any:
    values = {column.field: shown(column, row[column.name]) for column in key.columns}
    return values if len(values) > 1 else next(iter(values.values()))


async def test_filters_counts_and_groups_are_about_what_one_may_see(stage: Stage) -> None:
    for table in STORED:
        key = table.order[0]
        member = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in key.field)
        listed = f"first: 500, where: {{{key.field}: {{in: $keys}}}}"
        query = (
            f"query ($keys: [{_operand(table)}!]!) {{ list: {table.connection}({listed})"
            f" {{ totalCount nodes {{ {key.field} }} aggregate {{ count }}"
            f" groups(by: [{member}], first: 500) {{ count }} }} }}"
        )
        keys = list(
            dict.fromkeys(
                shown(key, row[key.name]) for row in stage.world.rows[table.name] if row[key.name] is not None
            )
        )
        for kind, seer in stage.people.items():
            found = (await ask(API, context(stage.database, seer), query, {"keys": keys}))["list"]
            expected = [
                shown(key, row[key.name])
                for row in stage.world.visible(seer, table.name)
                if row[key.name] is not None
            ]
            told = (kind, seer, query, keys)
            assert [node[key.field] for node in found["nodes"]] == expected, told
            assert found["totalCount"] == found["aggregate"]["count"] == len(expected), told
            assert sum(group["count"] for group in found["groups"]) == len(expected), told


def _operand(table: TableType) -> str:
    """The type of the values of the key's filter."""
    where: Any = SCHEMA._schema.type_map[f"{table.name}Where"]
    kind: Any = where.fields[table.order[0].field].type.fields["in"].type
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return str(kind)


async def test_relations_lead_to_what_one_may_see(stage: Stage) -> None:
    for table in STORED:
        for name, relation in table.relations.items():
            target = CATALOG.types[relation.target]
            keys = " ".join(column.field for column in target.order)
            part = (
                f"(first: 500) {{ totalCount nodes {{ {keys} }} }}" if relation.is_list else f"{{ {keys} }}"
            )
            query = f"{{ list: {table.connection}(first: 500) {{ nodes {{ {name} {part} }} }} }}"
            for kind, seer in stage.people.items():
                found = await ask(API, context(stage.database, seer), query)
                expected = [
                    {
                        name: _behind(
                            stage, seer, row, relation.local, target, relation.remote, relation.is_list
                        )
                    }
                    for row in stage.world.visible(seer, table.name)
                ]
                assert found["list"]["nodes"] == expected, (kind, seer, query)


def _behind(
    stage: Stage, seer: Seer, row: Row, local: str, target: TableType, remote: str, is_list: bool
) -> Any:
    rows = [
        {column.field: shown(column, other[column.name]) for column in target.order}
        for other in stage.world.visible(seer, target.name)
        if row[local] is not None and other[remote] == row[local]
    ]
    if is_list:
        return {"totalCount": len(rows), "nodes": rows}
    return rows[0] if rows else None
