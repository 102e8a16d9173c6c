"""Tasks go to one instance each, in order, and only their holder ends them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config.settings import Settings
from app.database.pools import open_database
from models.enums import TaskType
from services.core.database import Database
from services.core.errors import BadInput, Conflict, DomainError, Forbidden, NotFound
from services.tasks import claims, tasks
from services.tasks.claims import Claim
from services.tasks.leases import requeue_expired
from services.tasks.tasks import Report
from services.writing.rows import create
from tests.integration.writing.conftest import Scene
from tests.support.acting import action, inside
from tests.support.factories import AnyRow, make_instance, make_task, make_task_dependency

A_MOMENT = timedelta(minutes=1)


@pytest.fixture
async def wide(settings: Settings) -> AsyncIterator[Database]:
    """The test's database with 30 writing connections."""
    async with open_database(settings.model_copy(update={"write_pool_size": 30})) as opened:
        yield opened


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """For set-up and inspection; each statement is committed."""
    async with database.writer.connect() as opened:
        yield await opened.execution_options(isolation_level="AUTOCOMMIT")


async def claim_next(database: Database, scene: Scene, **options: Any) -> UUID | None:
    """As `claimNextTask` does it."""
    options.setdefault("instance_id", scene.instance_id)
    return await claims.claim_next(action(database, scene.owner, "claimNextTask"), Claim(**options))


async def the_task(connection: AsyncConnection, key: UUID) -> AnyRow:
    return (await connection.execute(text("SELECT * FROM tasks WHERE id = :id"), {"id": key})).one()


async def make(connection: AsyncConnection, scene: Scene, **values: Any) -> UUID:
    key: UUID = (await make_task(connection, project_id=scene.project.project_id, **values)).id
    return key


async def test_the_highest_priority_goes_first_and_then_the_oldest(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    made = [await make(connection, scene, priority=priority) for priority in (5, 9, 5, 10, 9)]

    claimed = [await claim_next(database, scene) for _ in range(6)]

    assert claimed == [made[3], made[1], made[4], made[0], made[2], None]


async def test_a_claimed_task_is_running_with_its_holder_and_its_lease(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)

    await claim_next(database, scene, lease=timedelta(minutes=2))

    row = await the_task(connection, key)
    assert (row.status, row.assigned_to) == ("RUNNING", scene.instance_id)
    assert row.lease_expires_at - row.started_at == timedelta(minutes=2)


async def test_a_rush_of_instances_takes_every_task_once(
    wide: Database, scene: Scene, connection: AsyncConnection
) -> None:
    made = {await make(connection, scene, priority=1 + number % 10) for number in range(120)}
    workers = [(await make_instance(connection, project_id=scene.project.project_id)).id for _ in range(25)]

    async def work(instance: UUID) -> list[UUID]:
        claimed = []
        while (key := await claim_next(wide, scene, instance_id=instance)) is not None:
            claimed.append(key)
        return claimed

    claimed = [key for keys in await asyncio.gather(*map(work, workers)) for key in keys]

    assert Counter(claimed) == Counter(made)


@pytest.mark.parametrize("kind", ["blocks", "requires"])
async def test_a_task_waits_for_what_it_depends_on(
    database: Database, scene: Scene, connection: AsyncConnection, kind: str
) -> None:
    first = await make(connection, scene, priority=1)
    second = await make(connection, scene, priority=10)
    await make_task_dependency(connection, task_id=second, dependency_task_id=first, dependency_type=kind)

    assert await claim_next(database, scene) == first
    assert await claim_next(database, scene) is None
    await tasks.complete(action(database, scene.owner), Report(first, scene.instance_id), {})
    assert await claim_next(database, scene) == second


async def test_a_suggested_dependency_holds_nothing_up(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    first = await make(connection, scene, priority=1)
    second = await make(connection, scene, priority=10)
    await make_task_dependency(
        connection, task_id=second, dependency_task_id=first, dependency_type="suggests"
    )

    assert await claim_next(database, scene) == second


async def test_tasks_of_other_kinds_projects_and_instances_are_left_alone(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    other = await make_instance(connection, project_id=scene.project.project_id)
    await make(connection, scene, assigned_to=other.id)
    await make(connection, scene, task_type="design")
    await make_task(connection)

    assert await claim_next(database, scene, task_types=(TaskType.TESTING,)) is None


async def test_a_lease_that_ran_out_queues_the_task_for_the_next(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    other = (await make_instance(connection, project_id=scene.project.project_id)).id
    await claim_next(database, scene)
    await connection.execute(text("UPDATE tasks SET lease_expires_at = now() - interval '1 second'"))

    assert await claim_next(database, scene, instance_id=other) == key

    with pytest.raises(Conflict, match="does not hold the task"):
        await tasks.complete(action(database, scene.owner), Report(key, scene.instance_id), {})
    assert (await the_task(connection, key)).assigned_to == other


async def test_expired_claims_are_queued_again_once(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    await claim_next(database, scene)

    async def requeue() -> int:
        async with database.transaction() as opened:
            return await requeue_expired(opened)

    assert await requeue() == 0
    await connection.execute(text("UPDATE tasks SET lease_expires_at = now() - interval '1 second'"))
    assert sum(await asyncio.gather(requeue(), requeue(), requeue())) == 1
    row = await the_task(connection, key)
    assert (row.status, row.assigned_to, row.lease_expires_at) == ("QUEUED", None, None)


async def test_a_report_renews_the_lease_and_is_logged(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    await claim_next(database, scene, lease=A_MOMENT)

    said = Report(key, scene.instance_id, "half way", {"percent": 50})
    await tasks.report(action(database, scene.owner), said, timedelta(hours=1))

    row = await the_task(connection, key)
    assert row.lease_expires_at - row.started_at > timedelta(minutes=59)
    log = (await connection.execute(text("SELECT * FROM task_logs"))).one()
    assert (log.message, log.performance_metrics, log.phase) == ("half way", {"percent": 50}, "execution")


async def test_completing_stores_the_output_and_the_duration_once(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    await claim_next(database, scene)
    await connection.execute(text("UPDATE tasks SET started_at = now() - interval '150 seconds'"))

    async def complete(output: str) -> None:
        said = Report(key, scene.instance_id)
        await tasks.complete(action(database, scene.owner), said, {"output_data": {"result": output}})

    await complete("first")
    await complete("again")

    row = await the_task(connection, key)
    assert (row.status, row.actual_duration_minutes, row.output_data) == ("COMPLETED", 3, {"result": "first"})
    assert (row.lease_expires_at, row.assigned_to) == (None, scene.instance_id)


async def test_a_failed_task_says_why_and_may_be_queued_again(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    await claim_next(database, scene)

    await tasks.fail(action(database, scene.owner), Report(key, scene.instance_id, "no such branch"))

    log = (await connection.execute(text("SELECT * FROM task_logs"))).one()
    assert (await the_task(connection, key)).status == "FAILED"
    assert (log.log_level, log.phase, log.message) == ("error", "error", "no such branch")


async def test_a_released_task_goes_back_to_the_queue(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    await claim_next(database, scene)

    await tasks.release(action(database, scene.owner), Report(key, scene.instance_id))

    row = await the_task(connection, key)
    assert (row.status, row.assigned_to, row.lease_expires_at) == ("QUEUED", None, None)
    assert await claim_next(database, scene) == key


async def test_only_a_living_instance_and_only_those_who_may_act_for_it_claim(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    key = await make(connection, scene)
    refusals: list[tuple[Any, type[DomainError]]] = [(scene.viewer, Forbidden), (scene.stranger, NotFound)]
    for principal, expected in refusals:
        with pytest.raises(expected):
            await claims.claim_next(action(database, principal), Claim(scene.instance_id))
    with pytest.raises(BadInput, match="lease"):
        await claim_next(database, scene, lease=timedelta(days=2))
    await connection.execute(text("UPDATE cc_instances SET status = 'STOPPED'"))
    with pytest.raises(Conflict, match="STOPPED"):
        await claim_next(database, scene)

    assert (await the_task(connection, key)).status == "PENDING"


async def test_one_task_can_be_claimed_by_name_when_it_is_ready(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    first = await make(connection, scene)
    second = await make(connection, scene)
    await make_task_dependency(connection, task_id=second, dependency_task_id=first)

    async def claim(key: UUID) -> None:
        await claims.claim(action(database, scene.owner), key, Claim(scene.instance_id))

    with pytest.raises(Conflict, match="waits for others"):
        await claim(second)
    await claim(first)
    await claim(first)

    assert (await the_task(connection, first)).assigned_to == scene.instance_id
    assert (await the_task(connection, second)).status == "PENDING"


async def depend(database: Database, scene: Scene, task: UUID, dependency: UUID) -> None:
    async with database.transaction() as opened:
        await create(
            inside(opened, scene.owner),
            "task_dependencies",
            {"task_id": task, "dependency_task_id": dependency, "dependency_type": "blocks"},
        )


async def test_a_circle_of_dependencies_is_refused_with_its_path(
    database: Database, scene: Scene, connection: AsyncConnection
) -> None:
    a, b, c = [await make(connection, scene, name=name) for name in ("design", "build", "ship")]
    await depend(database, scene, b, a)
    await depend(database, scene, c, b)

    with pytest.raises(Conflict, match="design -> ship -> build -> design") as refusal:
        await depend(database, scene, a, c)

    assert refusal.value.field == "input.dependencyTaskId"
    assert refusal.value.details["circle"] == [str(key) for key in (a, c, b, a)]
    assert await connection.scalar(text("SELECT count(*) FROM task_dependencies")) == 2


async def test_two_dependencies_that_together_close_a_circle_do_not_both_get_in(
    wide: Database, scene: Scene, connection: AsyncConnection
) -> None:
    for _ in range(5):
        ring = [await make(connection, scene) for _ in range(6)]
        pairs = list(zip(ring, [*ring[1:], ring[0]], strict=True))

        outcomes = await asyncio.gather(
            *(depend(wide, scene, task, dependency) for task, dependency in pairs), return_exceptions=True
        )

        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1
