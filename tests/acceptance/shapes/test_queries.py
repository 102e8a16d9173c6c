"""Every field of every type that a query can reach, over rows with odd values."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from gql.planner.groups import group_keys
from tests.acceptance.shapes.conftest import SCHEMA, Client
from tests.integration.reading.conftest import CATALOG
from tests.support.shapes import everything

OTHERS = ("Payload", "Event")
"""What the types of mutations and subscriptions end with."""
EMPTY = {("SystemHealth", name) for name in ("lastBackup", "lastBackupId", "replicationLagSeconds")}
"""There is neither a backup nor a replica here; tests/integration/system/test_system_health.py makes one."""
KEYS = 8
"""So many keys of groups at once."""


@pytest.mark.long
async def test_every_field_of_every_type_has_the_shape_of_the_schema(asking: Client) -> None:
    query = SCHEMA.query_type
    assert query is not None
    for table in CATALOG.types.values():
        if table.is_single:
            selection = everything(SCHEMA, SCHEMA.type_map[table.name], 1)
            await asking.ask(f"{{ {table.connection} {selection} }}")
            continue
        listed = everything(SCHEMA, get_named_type(query.fields[table.connection].type), 0)
        await asking.ask(f"{{ {table.connection}(first: 500) {listed} }}")
        for relation in _relations(table.name):
            await asking.ask(f"{{ {table.connection}(first: 500) {{ nodes {{ __typename {relation} }} }} }}")
        members = list(group_keys(table))
        keys: Any = SCHEMA.type_map[f"{table.name}GroupKey"]
        for start in range(0, len(members), KEYS):
            by = ", ".join(members[start : start + KEYS])
            key = " ".join(keys.fields)
            await asking.ask(f"{{ {table.connection} {{ groups(by: [{by}]) {{ count key {{ {key} }} }} }} }}")
    found = await asking.ask("{ me { nodeId } tasks(first: 500) { nodes { nodeId } } }")
    await asking.ask(
        f"query ($one: ID!, $all: [ID!]!) {{ me {everything(SCHEMA, SCHEMA.type_map['User'], 1)}"
        " node(nodeId: $one) { __typename nodeId } nodes(nodeIds: $all) { __typename nodeId } }",
        one=found["me"]["nodeId"],
        all=[node["nodeId"] for node in found["tasks"]["nodes"]],
    )
    await asking.ask(
        "{ ccInstances(first: 500) { nodes { depth descendants(maxDepth: 3) { totalCount } } } }"
    )
    await _search(asking)

    asking.shapes.right()
    without = [f"{kind}.{name}" for kind, name in sorted(_promised() - asking.shapes.met - EMPTY)]
    assert not without, f"No row has a value in {without}"


def _relations(name: str) -> list[str]:
    """Each field of a row that leads to other rows, with all that is there."""
    kind: Any = SCHEMA.type_map[name]
    return [
        f"{field} {'(first: 3)' if 'first' in found.args else ''}"
        f" {everything(SCHEMA, get_named_type(found.type), 0)}"
        for field, found in kind.fields.items()
        if not is_leaf_type(get_named_type(found.type))
    ]


async def _search(asking: Client) -> None:
    for table in CATALOG.types.values():
        if table.search is not None:
            await asking.ask(
                f'{{ {table.connection}(search: "検索", first: 500)'
                f" {everything(SCHEMA, SCHEMA.type_map[f'{table.name}Connection'], 0)} }}"
            )


def _promised() -> set[tuple[str, str]]:
    """Every field of every type that is neither a root, a payload nor an event, but for lookups."""
    roots = (SCHEMA.mutation_type, SCHEMA.subscription_type, SCHEMA.query_type)
    return {
        (kind.name, name)
        for kind in SCHEMA.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        and not kind.name.startswith("__")
        and kind not in roots
        and not kind.name.endswith(OTHERS)
        for name in kind.fields
    }
