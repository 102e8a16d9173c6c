"""What happens becomes notifications by itself: once, for whom it concerns, in their language."""

import asyncio

from services.core.database import Database
from services.delivery.occurrences import PAGE, Occurrences
from services.feed.wakeup import WakeupEvent
from tests.integration.delivery.conftest import Desk, Working
from tests.support.factories import (
    AnyRow,
    make_instance,
    make_permission_request,
    make_project,
    make_row,
    make_session,
    make_task,
)
from tests.support.receivers import Receiver
from tests.support.waiting import until


async def rows(database: Database) -> list[AnyRow]:
    from sqlalchemy import text

    async with database.writer.connect() as connection:
        found = await connection.execute(text("SELECT * FROM notification_history ORDER BY id"))
        return list(found.all())


async def begun(database: Database) -> Occurrences:
    """From now on."""
    occurrences = Occurrences(database, WakeupEvent(), 0.01)
    await occurrences.tell()
    return occurrences


async def tell(occurrences: Occurrences) -> int:
    """All that there is; gives the number of notifications."""
    total = 0
    while True:
        stored, more = await occurrences.tell()
        total += stored
        if not more:
            return total


async def test_a_task_that_ends_is_told_to_the_people_of_its_project(database: Database, desk: Desk) -> None:
    owner, editor, viewer, stranger = [
        await desk.person(preferences={"language": language}) for language in ("ja", "en", "en", "en")
    ]
    for person in (owner, editor, stranger):
        for kind in ("task_completed", "error_occurred"):
            await desk.setting(user_id=person.id, notification_type=kind)
    await desk.setting(user_id=viewer.id, is_enabled=False)
    async with database.writer.begin() as connection:
        project = await make_project(
            connection,
            name="受注",
            owner_id=owner.id,
            collaborators=[{"user_id": person.id, "role": "viewer"} for person in (editor, viewer)],
        )
        done = await make_task(connection, project_id=project.project_id, name="索引", status="RUNNING")
        broken = await make_task(connection, project_id=project.project_id, name="build", status="RUNNING")
    occurrences = await begun(database)
    await desk.execute(f"UPDATE tasks SET status = 'COMPLETED' WHERE id = '{done.id}'")
    await desk.execute(f"UPDATE tasks SET status = 'FAILED' WHERE id = '{broken.id}'")
    await desk.execute("UPDATE tasks SET name = name || ' again'")

    assert await tell(occurrences) == 4
    assert await tell(occurrences) == 0
    told = [(row.user_id, row.notification_type, row.title, row.priority) for row in await rows(database)]
    assert told == [
        (owner.id, "task_completed", "タスクが完了しました: 索引", "normal"),
        (editor.id, "task_completed", "Task completed: 索引", "normal"),
        (owner.id, "error_occurred", "タスクが失敗しました: build", "high"),
        (editor.id, "error_occurred", "Task failed: build", "high"),
    ]
    [first, *_] = await rows(database)
    assert first.message == "プロジェクト「受注」のタスク「索引」が完了しました。"
    assert first.payload["path"] == f"/tasks/{done.id}"


async def test_an_instance_in_error_an_invitation_and_a_request_to_join_are_told(
    database: Database, desk: Desk
) -> None:
    owner, guest = await desk.person(username="hanako"), await desk.person(username="taro")
    await desk.setting(user_id=owner.id, notification_type="error_occurred")
    for person in (owner, guest):
        await desk.setting(user_id=person.id, notification_type="collaboration_invite")
    async with database.writer.begin() as connection:
        project = await make_project(connection, name="orders", owner_id=owner.id)
        instance = await make_instance(connection, project_id=project.project_id, name="worker 1")
        session = await make_session(connection, user_id=owner.id, project_id=project.id, name="pairing")
        shared = await make_row(
            connection,
            "collaboration_sessions",
            host_user_id=owner.id,
            session_id=session.session_id,
            share_mode="edit",
        )
    occurrences = await begun(database)
    await desk.execute(f"UPDATE cc_instances SET status = 'ERROR' WHERE id = '{instance.id}'")
    await desk.execute("SELECT set_config('ccgraph.actor_id', '1', true)")
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql(f"SELECT set_config('ccgraph.actor_id', '{owner.id}', true)")
        await make_row(
            connection,
            "project_invitations",
            project_id=project.id,
            project_name="orders",
            user_id=guest.id,
            invited_by=owner.id,
            role="editor",
        )
    async with database.writer.begin() as connection:
        await make_row(
            connection,
            "collaboration_participants",
            collaboration_session_id=shared.id,
            user_id=guest.id,
            state="requested",
        )
    assert await tell(occurrences) == 3
    assert [(row.user_id, row.title) for row in await rows(database)] == [
        (owner.id, "Instance in error: worker 1"),
        (guest.id, "Invitation to orders"),
        (owner.id, "taro asks to join"),
    ]


async def test_filter_rules_hold_for_what_happens(database: Database, desk: Desk) -> None:
    owner = await desk.person()
    await desk.setting(user_id=owner.id, filter_rules={"min_priority": "high"})
    await desk.setting(user_id=owner.id, service_type="slack", filter_rules={"keywords": ["索引"]})
    await desk.setting(user_id=owner.id, service_type="line", filter_rules={"keywords": ["other"]})
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=owner.id)
        await make_task(connection, project_id=project.project_id, name="索引", status="RUNNING")
    occurrences = await begun(database)
    await desk.execute("UPDATE tasks SET status = 'COMPLETED'")
    assert await tell(occurrences) == 1
    assert [row.service_type for row in await rows(database)] == ["slack"]


async def test_many_workers_tell_each_occurrence_once_and_in_pages(database: Database, desk: Desk) -> None:
    owner = await desk.person()
    await desk.setting(user_id=owner.id)
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=owner.id)
        for _ in range(2 * PAGE + 50):
            await make_task(connection, project_id=project.project_id, status="RUNNING")
    workers = [await begun(database) for _ in range(3)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    await desk.execute("UPDATE tasks SET status = 'COMPLETED'")

    async def all_told() -> bool:
        return len(await rows(database)) >= 2 * PAGE + 50

    await until(all_told)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [await tell(worker) for worker in workers] == [0, 0, 0]
    told = [row.payload["id"] for row in await rows(database)]
    assert len(told) == len(set(told)) == 2 * PAGE + 50


async def test_what_happened_while_no_worker_ran_is_told_by_the_next_one(
    database: Database, desk: Desk, working: Working, receiver: Receiver
) -> None:
    owner = await desk.person()
    await desk.setting(user_id=owner.id, webhook_url=receiver.url)
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=owner.id)
        task = await make_task(connection, project_id=project.project_id, status="RUNNING")
    await begun(database)
    await desk.execute("UPDATE tasks SET status = 'COMPLETED'")
    async with working():
        await receiver.has(1)
    assert receiver.got[0].json["data"]["link"] == f"https://fleet.example/tasks/{task.id}"


async def test_a_permission_that_is_held_is_told_to_those_who_may_answer(
    database: Database, desk: Desk
) -> None:
    people = [await desk.person() for _ in range(5)]
    owner, editor, viewer, runner, _ = people
    for person in people:
        await desk.setting(user_id=person.id, notification_type="claude_request")
    async with database.writer.begin() as connection:
        roles = [{"user_id": editor.id, "role": "editor"}, {"user_id": viewer.id, "role": "viewer"}]
        project = await make_project(connection, name="orders", owner_id=owner.id, collaborators=roles)
        instance = await make_instance(connection, project_id=project.project_id)
        asked = await make_permission_request(
            connection, cc_instance_id=instance.id, user_id=runner.id, held_until=None
        )
    occurrences = await begun(database)
    await desk.execute("UPDATE cc_permission_requests SET tool_name = 'WebFetch'")
    assert await tell(occurrences) == 0
    hold = "UPDATE cc_permission_requests SET held_until = now() + INTERVAL '1 minute'"
    await desk.execute(hold)
    await desk.execute(hold)
    await desk.execute("UPDATE cc_permission_requests SET decision = 'allow', answered_at = now()")

    assert await tell(occurrences) == 3
    told = await rows(database)
    assert {row.user_id for row in told} == {owner.id, editor.id, runner.id}
    [first, *_] = told
    assert (first.notification_type, first.title, first.priority) == (
        "claude_request",
        "Claude asks to use WebFetch",
        "high",
    )
    assert first.payload["path"] == f"/permissions/{asked.id}"
