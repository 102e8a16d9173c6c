"""Every subscription field: which changes it tells of, and what of them can be selected."""

from uuid import UUID

import pytest

from services.core.errors import BadInput
from tests.integration.feed.conftest import Open, Writer, add_instance, heard, set_status


async def test_an_instance_that_is_new_has_no_previous_status(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    listening = await subscribe("subscription { ccInstanceStatusChanged { previousStatus status } }")
    await add_instance(writer, project_id, "RUNNING")
    assert await heard(listening) == {"previousStatus": None, "status": "RUNNING"}


async def test_instances_are_filtered_by_instance_and_statuses(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    one, other = await add_instance(writer, project_id), await add_instance(writer, project_id)
    listening = await subscribe(
        "subscription ($id: UUID) {"
        " ccInstanceStatusChanged(instanceId: $id, statuses: [ERROR, STOPPED]) { ccInstanceId status } }",
        id=one,
    )
    for instance in (other, one):
        for status in ("RUNNING", "ERROR"):
            await set_status(writer, instance, status)
    assert await heard(listening) == {"ccInstanceId": str(one), "status": "ERROR"}
    assert await listening.silent()


async def test_a_task_is_followed_from_its_beginning_to_its_end(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(
        "subscription { taskChanged {"
        " operation changedFields previousStatus status task { name assignedTo { id } } } }"
    )
    task = await writer.fetchval(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1, '設計', 'design') RETURNING id",
        project_id,
    )
    created = await heard(listening)
    assert (created["operation"], created["status"], created["task"]["name"]) == ("INSERT", "PENDING", "設計")
    await writer.execute(
        "UPDATE tasks SET status = 'RUNNING', assigned_to = $2 WHERE id = $1", task, instance
    )
    assert await heard(listening) == {
        "operation": "UPDATE",
        "changedFields": ["status", "assignedToId"],
        "previousStatus": "PENDING",
        "status": "RUNNING",
        "task": {"name": "設計", "assignedTo": {"id": str(instance)}},
    }
    await writer.execute("DELETE FROM tasks WHERE id = $1", task)
    deleted = await heard(listening)
    assert (deleted["operation"], deleted["status"], deleted["task"]) == ("DELETE", "RUNNING", None)


async def test_a_session_tells_when_it_starts(
    subscribe: Open, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    session = await writer.fetchrow(
        "INSERT INTO sessions (session_id, name, user_id, project_id)"
        " SELECT ccgraph_uuid7(), 'work', $1, id FROM projects WHERE project_id = $2"
        " RETURNING id, session_id",
        owner_id,
        project_id,
    )
    assert session is not None
    listening = await subscribe(
        "subscription ($id: UUID, $project: UUID) { sessionStatusChanged(sessionId: $id, projectId: $project)"
        " { sessionId previousStatus status session { name user { username } } } }",
        id=session["session_id"],
        project=project_id,
    )
    await writer.execute("UPDATE sessions SET status = 'running' WHERE id = $1", session["id"])
    event = await heard(listening)
    assert event.pop("session")["name"] == "work"
    assert event == {
        "sessionId": str(session["session_id"]),
        "previousStatus": "STOPPED",
        "status": "RUNNING",
    }


async def test_an_instruction_is_followed_by_the_instance_it_is_for(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    parent = await add_instance(writer, project_id)
    child = await add_instance(writer, project_id, parent=parent)
    listening = await subscribe(
        "subscription ($id: UUID) { ultrathinkMessageChanged(subtreeOf: $id)"
        " { previousStatus status ultrathinkMessage { instructionContent } } }",
        id=parent,
    )
    message = await writer.fetchval(
        "INSERT INTO ultrathink_messages"
        " (parent_instance_id, child_instance_id, instruction_type, instruction_content, status)"
        " VALUES ($1, $2, 'task_assignment', 'ultrathink', 'sent') RETURNING id",
        parent,
        child,
    )
    await writer.execute("UPDATE ultrathink_messages SET status = 'acknowledged' WHERE id = $1", message)
    assert (await heard(listening))["status"] == "SENT"
    assert await heard(listening) == {
        "previousStatus": "SENT",
        "status": "ACKNOWLEDGED",
        "ultrathinkMessage": {"instructionContent": "ultrathink"},
    }


async def test_tool_calls_are_filtered_by_tool(subscribe: Open, writer: Writer, project_id: UUID) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(
        'subscription { mcpToolCallChanged(toolNames: ["create_child_cc"])'
        " { toolName status mcpToolCall { arguments } } }"
    )
    for tool in ("git_status", "create_child_cc"):
        await writer.execute(
            "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status)"
            " VALUES ($1, $2, '{\"a\": 1}', 'running')",
            instance,
            tool,
        )
    assert await heard(listening) == {
        "toolName": "create_child_cc",
        "status": "RUNNING",
        "mcpToolCall": {"arguments": {"a": 1}},
    }
    assert await listening.silent()


async def test_notifications_are_ones_own(subscribe: Open, writer: Writer, owner_id: int) -> None:
    stranger = await writer.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('stranger', 'x') RETURNING id"
    )
    listening = await subscribe(
        "subscription { notificationChanged { status retryCount notification { title } } }"
    )
    for user in (stranger, owner_id):
        await writer.execute(
            "INSERT INTO notification_history (user_id, notification_type, service_type, title, message)"
            " VALUES ($1, 'task_completed', 'slack', $2, 'done')",
            user,
            f"for {user}",
        )
    assert await heard(listening) == {
        "status": "PENDING",
        "retryCount": 0,
        "notification": {"title": f"for {owner_id}"},
    }
    assert await listening.silent()


async def test_websocket_notifications_come_to_their_socket_their_project_and_everybody(
    subscribe: Open, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    mine = await writer.fetchval(
        "INSERT INTO websocket_sessions (user_id, transport) VALUES ($1, 'websocket') RETURNING id", owner_id
    )
    everything = await subscribe("subscription { websocketNotifications { eventName } }")
    for_me = await subscribe(
        "subscription ($id: UUID) { websocketNotifications(socketId: $id)"
        " { eventType websocketNotification { payload } } }",
        id=mine,
    )
    for name, socket, project in (("mine", mine, None), ("project", None, project_id), ("all", None, None)):
        await writer.execute(
            "INSERT INTO websocket_notifications"
            " (socket_id, project_id, event_type, event_name, payload, delivery_status)"
            " VALUES ($1, $2, 'progress', $3, '{\"percent\": 5}', 'sent')",
            socket,
            project,
            name,
        )
    assert [(await heard(everything))["eventName"] for _ in range(3)] == ["mine", "project", "all"]
    assert await heard(for_me) == {
        "eventType": "PROGRESS",
        "websocketNotification": {"payload": {"percent": 5}},
    }
    assert await for_me.silent()


async def test_all_changes_of_a_project_come_in_one_stream(
    subscribe: Open, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    listening = await subscribe(
        "subscription ($id: UUID!) { changes(projectId: $id) { table operation old new"
        " node { nodeId ... on CcInstance { name } ... on Project { status } } } }",
        id=project_id,
    )
    instance = await add_instance(writer, project_id)
    await set_status(writer, instance, "RUNNING")
    # Noticed, for live queries; there is nothing that an event could tell of it.
    await writer.execute("UPDATE cc_instances SET activity_detail = 'Bash' WHERE id = $1", instance)
    await writer.execute("UPDATE projects SET status = 'paused' WHERE project_id = $1", project_id)
    created, changed, paused = [await heard(listening) for _ in range(3)]
    assert (created["table"], created["operation"], created["old"]) == ("CC_INSTANCES", "INSERT", None)
    assert (changed["old"]["status"], changed["new"]["status"]) == ("IDLE", "RUNNING")
    assert changed["node"]["name"].startswith("instance")
    assert (paused["table"], paused["node"]["status"], paused["new"]["ownerId"]) == (
        "PROJECTS",
        "PAUSED",
        owner_id,
    )


async def test_changes_can_be_limited_to_some_tables(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    listening = await subscribe(
        "subscription ($id: UUID!) { changes(projectId: $id, tables: [PROJECTS]) { table } }", id=project_id
    )
    await add_instance(writer, project_id)
    await writer.execute("UPDATE projects SET status = 'paused' WHERE project_id = $1", project_id)
    assert await heard(listening) == {"table": "PROJECTS"}


async def test_the_actor_is_who_made_the_change_through_the_api(
    subscribe: Open, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    listening = await subscribe("subscription { ccInstanceStatusChanged { actor { id email } } }")
    async with writer.transaction():
        await writer.execute("SELECT set_config('ccgraph.actor_id', $1, true)", str(owner_id))
        await add_instance(writer, project_id)
    assert await heard(listening) == {"actor": {"id": owner_id, "email": None}}


async def test_an_argument_that_is_null_is_refused_with_its_name(subscribe: Open) -> None:
    with pytest.raises(BadInput) as refusal:
        await subscribe("subscription { taskChanged(statuses: null) { status } }")
    assert refusal.value.field == "statuses"


async def test_after_may_be_null(subscribe: Open, writer: Writer, project_id: UUID) -> None:
    listening = await subscribe("subscription { taskChanged(after: null) { status } }")
    assert await listening.silent()
