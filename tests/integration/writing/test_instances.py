"""Instances change along the documented lines, and never more of them run than the project allows."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from models.enums import CcInstanceStatus
from services.core.database import Database
from services.core.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from services.core.principal import Principal
from services.instances.instances import InstanceMove, move
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import AnyRow, make_instance

IDLE, RUNNING, STOPPED, ERROR = CcInstanceStatus


async def change(
    database: Database,
    principal: Principal,
    instance: UUID,
    status: CcInstanceStatus,
    exit_code: int | None = None,
) -> None:
    await move(action(database, principal), InstanceMove(instance, status, exit_code=exit_code))


async def stored(database: Database, instance: UUID) -> AnyRow:
    async with database.writer.connect() as connection:
        result = await connection.execute(text("SELECT * FROM cc_instances WHERE id = :id"), {"id": instance})
        return result.one()


async def test_starting_and_stopping_stamp_their_times(database: Database, scene: Scene) -> None:
    await change(database, scene.editor, scene.instance_id, RUNNING)
    running = await stored(database, scene.instance_id)
    await change(database, scene.editor, scene.instance_id, STOPPED, exit_code=3)
    stopped = await stored(database, scene.instance_id)

    assert (running.status, running.started_at is not None, running.terminated_at) == ("RUNNING", True, None)
    assert running.last_heartbeat is not None
    assert (stopped.status, stopped.exit_code) == ("STOPPED", 3)
    assert stopped.terminated_at >= stopped.started_at


@pytest.mark.parametrize("wanted", [IDLE, RUNNING, ERROR])
async def test_a_stopped_instance_stays_stopped(
    database: Database, scene: Scene, wanted: CcInstanceStatus
) -> None:
    await change(database, scene.owner, scene.instance_id, STOPPED)
    before = await stored(database, scene.instance_id)

    with pytest.raises(Conflict, match="STOPPED, which is final"):
        await change(database, scene.owner, scene.instance_id, wanted)

    assert await stored(database, scene.instance_id) == before


async def test_repeating_a_step_changes_nothing(database: Database, scene: Scene) -> None:
    await change(database, scene.owner, scene.instance_id, STOPPED, exit_code=0)
    before = await stored(database, scene.instance_id)

    await change(database, scene.owner, scene.instance_id, STOPPED, exit_code=9)

    assert await stored(database, scene.instance_id) == before


async def test_a_viewer_and_a_stranger_start_nothing(database: Database, scene: Scene) -> None:
    with pytest.raises(Forbidden):
        await change(database, scene.viewer, scene.instance_id, RUNNING)
    with pytest.raises(NotFound):
        await change(database, scene.stranger, scene.instance_id, RUNNING)

    assert (await stored(database, scene.instance_id)).status == "IDLE"


async def test_a_rush_of_starts_runs_exactly_as_many_as_the_project_allows(
    database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE projects SET max_parallel_cc = 4"))
        instances = [
            (await make_instance(connection, project_id=scene.project.project_id)).id for _ in range(25)
        ]

    outcomes = await asyncio.gather(
        *(change(database, scene.owner, instance, RUNNING) for instance in instances), return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 21
    assert all(isinstance(outcome, QuotaExceeded) for outcome in refused)
    async with database.writer.connect() as connection:
        running = await connection.scalar(text("SELECT count(*) FROM cc_instances WHERE status = 'RUNNING'"))
    assert running == 4
