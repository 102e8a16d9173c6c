"""Columns, relations and lookups."""

from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner.node_ids import make_node_id
from tests.integration.reading.conftest import Asker
from tests.support.factories import make_instance, make_project, make_task, make_user


async def test_a_row_is_found_by_each_of_its_keys(asker: Asker, connection: AsyncConnection) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id, name="東京")
    data = await asker.ask(
        """query ($key: UUID!, $id: Int!, $node: ID!) {
          byId: project(by: {id: $id}) { name }
          byKey: project(by: {projectId: $key}) { nodeId owner { username } }
          byNode: project(by: {nodeId: $node}) { id }
        }""",
        ann,
        key=str(project.project_id),
        id=project.id,
        node=make_node_id("Project", project.id),
    )
    assert data == {
        "byId": {"name": "東京"},
        "byKey": {"nodeId": make_node_id("Project", project.id), "owner": {"username": ann.username}},
        "byNode": {"id": project.id},
    }


async def test_relations_nest_in_both_directions(asker: Asker, connection: AsyncConnection) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    instance = await make_instance(connection, project_id=project.project_id)
    first = await make_task(connection, project_id=project.project_id, assigned_to=instance.id, priority=9)
    second = await make_task(connection, project_id=project.project_id, priority=2)
    data = await asker.ask(
        """{ projects { nodes { tasks(orderBy: [{priority: DESC}]) {
          totalCount
          nodes { id priority project { id } assignedTo { id status assignedTasks { nodes { id } } } }
        } } } }""",
        ann,
    )
    assert data == {
        "projects": {
            "nodes": [
                {
                    "tasks": {
                        "totalCount": 2,
                        "nodes": [
                            {
                                "id": str(first.id),
                                "priority": 9,
                                "project": {"id": project.id},
                                "assignedTo": {
                                    "id": str(instance.id),
                                    "status": instance.status.name,
                                    "assignedTasks": {"nodes": [{"id": str(first.id)}]},
                                },
                            },
                            {
                                "id": str(second.id),
                                "priority": 2,
                                "project": {"id": project.id},
                                "assignedTo": None,
                            },
                        ],
                    }
                }
            ]
        }
    }


async def test_a_row_that_may_not_be_seen_does_not_exist(asker: Asker, connection: AsyncConnection) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    task = await make_task(connection, project_id=project.project_id)
    query = """query ($task: UUID!, $node: ID!) {
      task(by: {id: $task}) { id } node(nodeId: $node) { nodeId }
      tasks { totalCount nodes { id } } users { nodes { id username email } }
    }"""
    seen = await asker.ask(query, ben, task=str(task.id), node=make_node_id("Task", task.id))
    assert seen == {
        "task": None,
        "node": None,
        "tasks": {"totalCount": 0, "nodes": []},
        "users": {
            "nodes": [
                {"id": ann.id, "username": ann.username, "email": None},
                {"id": ben.id, "username": ben.username, "email": ben.email},
            ]
        },
    }


async def test_nothing_is_read_without_a_caller(asker: Asker) -> None:
    error = await asker.refusal("{ tasks { nodes { id } } }", None)
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
