"""Ids across all types: opaque, good for one row, and worth nothing to who may not see it."""

import base64

from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner.node_ids import make_node_id
from tests.integration.reading.conftest import CATALOG, Asker
from tests.support.factories import make_project, make_task, make_user
from tests.support.stored import stored
from tests.support.world import make_world


async def test_every_row_of_every_table_comes_back_by_its_id(
    asker: Asker, connection: AsyncConnection
) -> None:
    await make_world(connection, 4)
    admin = await make_user(connection, is_admin=True)
    for table in stored(CATALOG):
        if table.node_key is None:
            continue
        field = table.node_key.field
        rows = await asker.ask(f"{{ list: {table.connection} {{ nodes {{ nodeId {field} }} }} }}", admin)
        ids = [row["nodeId"] for row in rows["list"]["nodes"]]
        assert len(set(ids)) == len(ids) > 0, table.name
        found = await asker.ask(
            f"query ($ids: [ID!]!) {{ nodes(nodeIds: $ids) {{ nodeId ... on {table.name} {{ {field} }} }} }}",
            admin,
            ids=ids,
        )
        assert found["nodes"] == rows["list"]["nodes"]
        one = await asker.ask(
            "query ($id: ID!) { node(nodeId: $id) { nodeId }"
            f" by: {table.lookup}(by: {{nodeId: $id}}) {{ nodeId }} }}",
            admin,
            id=ids[0],
        )
        assert one == {"node": {"nodeId": ids[0]}, "by": {"nodeId": ids[0]}}


async def test_one_document_serves_ids_of_different_types_one_after_the_other(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    task = await make_task(connection, project_id=project.project_id)
    ids = [
        make_node_id(name, key)
        for name, key in (("User", ann.id), ("Task", task.id), ("Project", project.id))
    ]
    listed = (
        "query ($a: ID!, $b: ID!) { nodes(nodeIds: [$a, $b]) { __typename } node(nodeId: $b) { nodeId } }"
    )
    for first, second in zip(ids, [*ids[1:], ids[0]], strict=True):
        data = await asker.ask(listed, ann, a=first, b=second)
        names = [base64.b64decode(node_id).decode().partition(":")[0] for node_id in (first, second)]
        assert data["nodes"] == [{"__typename": name} for name in names]
        assert data["node"] == {"nodeId": second}


async def test_a_lookup_takes_no_id_of_another_type(asker: Asker, connection: AsyncConnection) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    query = "query ($id: ID!) { project(by: {nodeId: $id}) { nodeId } }"
    mine = make_node_id("Project", project.id)
    assert await asker.ask(query, ann, id=mine) == {"project": {"nodeId": mine}}
    # With the plan of the first one kept, too: users and projects are counted by the same numbers.
    for node_id in (
        make_node_id("User", project.id),
        make_node_id("Nothing", 1),
        f"Project:{project.id}",
        "",
        "東",
    ):
        error = await asker.refusal(query, ann, id=node_id)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "project.by.nodeId"}
    error = await asker.refusal(query, ann, id=make_node_id("Project", "one"))
    assert error["extensions"]["field"] == "project.by.nodeId"


async def test_the_id_of_a_hidden_row_is_like_the_id_of_none(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    hidden = await make_project(connection, owner_id=ben.id)
    query = (
        "query ($ids: [ID!]!, $id: ID!) { nodes(nodeIds: $ids) { nodeId } project(by: {nodeId: $id}) { id } }"
    )
    for key in (hidden.id, 2_000_000_000):
        node_id = make_node_id("Project", key)
        data = await asker.ask(query, ann, ids=[node_id, node_id], id=node_id)
        assert data == {"nodes": [None, None], "project": None}
