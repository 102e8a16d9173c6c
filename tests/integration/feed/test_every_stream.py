"""Every subscription field resumes from its cursors, and tells nothing when access has been taken away."""

from uuid import UUID

import pytest

from gql.subscriptions.fields import STREAMS
from tests.integration.feed.conftest import Listening, Open, Writer, add_instance, add_user, heard

OF_PROJECT = " FROM cc_instances i JOIN projects p USING (project_id) WHERE i.id = $1"

CAUSES = {
    "ccInstanceStatusChanged": "UPDATE cc_instances SET status ="
    " CASE status WHEN 'RUNNING' THEN 'IDLE' ELSE 'RUNNING' END WHERE id = $1",
    "ccInstanceActivityChanged": "UPDATE cc_instances SET activity ="
    " CASE activity WHEN 'WORKING' THEN 'IDLE' ELSE 'WORKING' END, activity_since = now() WHERE id = $1",
    "ccPermissionRequestChanged": "INSERT INTO cc_permission_requests (cc_instance_id, tool_name)"
    " VALUES ($1, 'Bash')",
    "taskChanged": "INSERT INTO tasks (project_id, name, task_type)"
    " SELECT p.project_id, 'plan', 'design'" + OF_PROJECT,
    "sessionStatusChanged": "INSERT INTO sessions (session_id, name, user_id, project_id)"
    " SELECT ccgraph_uuid7(), 'work', p.owner_id, p.id" + OF_PROJECT,
    "ultrathinkMessageChanged": "INSERT INTO ultrathink_messages"
    " (parent_instance_id, instruction_type, instruction_content, status)"
    " VALUES ($1, 'task_assignment', 'think', 'sent')",
    "mcpToolCallChanged": "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status)"
    " VALUES ($1, 'git_status', '{}', 'running')",
    "notificationChanged": "INSERT INTO notification_history"
    " (user_id, notification_type, service_type, title, message)"
    " SELECT p.owner_id, 'task_completed', 'slack', 'done', 'done'" + OF_PROJECT,
    "websocketNotifications": "INSERT INTO websocket_notifications"
    " (project_id, event_type, event_name, payload, delivery_status)"
    " SELECT p.project_id, 'progress', 'build', '{}', 'sent'" + OF_PROJECT,
    "logAppended": "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
    " VALUES ($1, 'info', 'system', 'entry')",
    "changes": "UPDATE cc_instances SET exit_code = COALESCE(exit_code, 0) + 1 WHERE id = $1",
}
"""For each field, the SQL of something that happens to the instance or its project."""

WITH_PROJECT = sorted(CAUSES.keys() - {"notificationChanged"})
"""Those whose rows are seen by way of a project; a notification is its receiver's own."""


def test_every_stream_is_tried_here() -> None:
    assert CAUSES.keys() == STREAMS.keys()


async def follow(
    subscribe: Open, field: str, project_id: UUID, after: str | None = None, **options: int
) -> Listening:
    """Subscribe to a field, from a cursor or from now on."""
    arguments = [] if after is None else [f'after: "{after}"']
    if field == "changes":
        arguments.append(f'projectId: "{project_id}"')
    given = f"({', '.join(arguments)})" if arguments else ""
    return await subscribe(f"subscription {{ {field}{given} {{ cursor at }} }}", **options)


@pytest.mark.parametrize("field", CAUSES)
async def test_it_goes_on_from_a_cursor_and_then_live(
    subscribe: Open, writer: Writer, project_id: UUID, field: str
) -> None:
    instance = await add_instance(writer, project_id)
    before = await follow(subscribe, field, project_id)
    for _ in range(3):
        await writer.execute(CAUSES[field], instance)
    events = [await heard(before) for _ in range(3)]
    before.close()
    after = await follow(subscribe, field, project_id, events[0]["cursor"])
    # A cursor may be spelt otherwise when the same events are read in other batches.
    assert [(await heard(after))["at"] for _ in range(2)] == [event["at"] for event in events[1:]]
    await writer.execute(CAUSES[field], instance)
    assert (await heard(after))["at"] not in {event["at"] for event in events}
    assert await after.silent()


@pytest.mark.parametrize("field", WITH_PROJECT)
async def test_it_tells_a_guest_nothing_from_the_moment_that_access_is_taken_away(
    subscribe: Open, writer: Writer, project_id: UUID, owner_id: int, field: str
) -> None:
    instance = await add_instance(writer, project_id)
    guest = await add_user(writer)
    await writer.execute(
        "UPDATE projects SET collaborators = jsonb_build_array(jsonb_build_object('user_id', $2::int))"
        " WHERE project_id = $1",
        project_id,
        guest,
    )
    guest_hears = await follow(subscribe, field, project_id, person=guest)
    owner_hears = await follow(subscribe, field, project_id, person=owner_id)
    await writer.execute(CAUSES[field], instance)
    cursor = (await heard(guest_hears))["cursor"]
    assert (await heard(owner_hears))["cursor"] == cursor
    async with writer.transaction():
        await writer.execute(CAUSES[field], instance)
        await writer.execute("UPDATE projects SET collaborators = '[]' WHERE project_id = $1", project_id)
    assert (await heard(owner_hears))["cursor"] != cursor
    assert await guest_hears.silent()
    resumed = await follow(subscribe, field, project_id, cursor, person=guest)
    assert await resumed.silent()
