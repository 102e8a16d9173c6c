"""Agents that ask for work where there is none cost one read, and no connection of those who write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import event, text

from models.enums import TaskType
from services.core.database import Database, Pool
from services.core.errors import Conflict, DomainError, Forbidden, NotFound
from services.core.principal import Principal
from services.instances.instances import record_heartbeats
from services.tasks import claims
from services.tasks.claims import Claim
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_instance, make_project, make_task, make_task_dependency
from tests.support.waiting import PATIENCE

CLAIM = mutation("claimNextTask", "task { id }")
MANY = 50
WRITTEN = """
SELECT (SELECT count(*) FROM system_logs), (SELECT count(*) FROM change_events),
       (SELECT array_agg(t.xmin::text || t.status ORDER BY t.id) FROM tasks t),
       (SELECT array_agg(i.xmin::text || i.xmax::text ORDER BY i.id) FROM cc_instances i)
"""
"""What a write would leave; a row's `xmax` also that it was locked."""


Used = TypeVar("Used")


class Counted(Generic[Used]):
    """A pool that counts how often a connection of it was lent."""

    def __init__(self, pool: Pool[Used]) -> None:
        self._pool = pool
        self.lent = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Used]:
        self.lent += 1
        async with self._pool.acquire() as connection:
            yield connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


class Watched:
    """A database that tells what was used of it."""

    def __init__(self, database: Database) -> None:
        self.reads, self.singles = Counted(database.primary), Counted(database.autocommit)
        self.transactions = self.rung = 0
        self.database = replace(
            database,
            primary=self.reads,
            autocommit=self.singles,
            after_commit=self._ring,
        )
        event.listen(database.writer.sync_engine, "begin", self._begin)

    def clear(self) -> None:
        """Forget what set-up did."""
        self.reads.lent = self.singles.lent = self.transactions = self.rung = 0

    def _ring(self) -> None:
        self.rung += 1

    def _begin(self, _: object) -> None:
        self.transactions += 1

    @property
    def writes(self) -> tuple[int, int, int]:
        """Statements over connections that write, transactions, and wake-ups of the feed."""
        return self.singles.lent, self.transactions, self.rung

    async def left(self) -> tuple[Any, ...]:
        """What there is of rows that a write leaves or marks."""
        return tuple(await self.reads._pool.fetchval(f"SELECT ARRAY[r::text] FROM ({WRITTEN}) r"))

    async def claim(self, principal: Principal, instance: UUID, **options: Any) -> UUID | None:
        """As `claimNextTask` does it."""
        return await claims.claim_next(action(self.database, principal), Claim(instance, **options))


@pytest.fixture
def watched(database: Database, scene: Scene) -> Watched:
    return Watched(database)


@pytest.fixture
async def fleet(database: Database, scene: Scene) -> list[UUID]:
    """As many living instances of one project as poll at once."""
    async with database.writer.begin() as connection:
        return [
            (await make_instance(connection, project_id=scene.project.project_id)).id for _ in range(MANY)
        ]


async def test_a_poll_of_an_empty_queue_is_one_read_and_leaves_nothing(
    watched: Watched, scene: Scene
) -> None:
    before = await watched.left()

    assert await watched.claim(scene.editor, scene.instance_id) is None

    assert (watched.reads.lent, watched.writes) == (1, (0, 0, 0))
    assert await watched.left() == before


async def test_fifty_agents_that_poll_at_once_share_a_read(
    watched: Watched, scene: Scene, fleet: list[UUID]
) -> None:
    before = await watched.left()
    watched.clear()

    claimed = await asyncio.gather(*(watched.claim(scene.owner, instance) for instance in fleet))

    assert claimed == [None] * MANY
    assert watched.reads.lent <= 2
    assert watched.writes == (0, 0, 0)
    assert await watched.left() == before


async def test_agents_poll_while_every_writing_connection_is_taken(
    database: Database, scene: Scene, fleet: list[UUID], caller: Caller
) -> None:
    async with AsyncExitStack() as taken, asyncio.timeout(PATIENCE):
        for _ in range(4):  # write_pool_size of the tests
            await taken.enter_async_context(database.autocommit.acquire())
            await taken.enter_async_context(database.writer.connect())

        answers = await asyncio.gather(
            *(caller.data(scene.owner, CLAIM, input={"ccInstanceId": key}) for key in fleet)
        )

    assert answers == [{"claimNextTask": {"task": None}}] * MANY


async def test_what_waits_for_others_or_is_of_another_kind_is_no_work_either(
    database: Database, watched: Watched, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        of = {"project_id": scene.project.project_id}
        other = await make_instance(connection, **of)
        first = await make_task(connection, **of, task_type="design")
        blocked = await make_task(connection, **of, task_type="testing")
        await make_task_dependency(connection, task_id=blocked.id, dependency_task_id=first.id)
        await make_task(connection, **of, task_type="testing", assigned_to=other.id)
        await make_task(connection, task_type="testing")
    before, kinds = await watched.left(), (TaskType.TESTING, TaskType.DOCUMENTATION)
    watched.clear()

    assert await watched.claim(scene.owner, scene.instance_id, task_types=kinds) is None
    assert await watched.claim(scene.owner, scene.instance_id, task_types=()) is None

    assert (watched.reads.lent, watched.writes) == (2, (0, 0, 0))
    assert await watched.left() == before
    assert await watched.claim(scene.owner, other.id, task_types=kinds) is not None
    assert await watched.claim(scene.owner, scene.instance_id) == first.id


async def test_polls_of_one_moment_are_told_apart(database: Database, watched: Watched, scene: Scene) -> None:
    async with database.writer.begin() as connection:
        of = {"project_id": scene.project.project_id}
        kinds = ["design", "testing", None]
        instances = [(await make_instance(connection, **of)).id for _ in kinds]
        elsewhere = await make_project(connection, owner_id=scene.owner.user_id)
        alone = (await make_instance(connection, project_id=elsewhere.project_id)).id
        task = await make_task(connection, **of, task_type="design")

    first, *others, refusal = await asyncio.gather(
        watched.claim(scene.owner, instances[0], task_types=(TaskType.DESIGN,)),
        watched.claim(scene.owner, instances[1], task_types=(TaskType.TESTING,)),
        watched.claim(scene.owner, alone),
        watched.claim(scene.stranger, instances[2]),
        return_exceptions=True,
    )

    assert (first, others) == (task.id, [None, None])
    assert isinstance(refusal, NotFound)
    assert watched.reads.lent == 2  # one for each person


async def test_of_many_who_poll_for_one_task_one_gets_it_and_the_others_leave_nothing(
    database: Database, watched: Watched, scene: Scene, fleet: list[UUID]
) -> None:
    async with database.writer.begin() as connection:
        task = await make_task(connection, project_id=scene.project.project_id)
    watched.clear()

    claimed = await asyncio.gather(*(watched.claim(scene.owner, instance) for instance in fleet))

    assert (claimed.count(task.id), claimed.count(None)) == (1, MANY - 1)
    assert (watched.transactions, watched.rung) == (0, 1)
    audited = await database.primary.fetchval("SELECT count(*) FROM system_logs WHERE category = 'audit'")
    assert audited == 1


async def test_a_poll_that_queues_expired_claims_is_a_change_and_the_next_one_none(
    database: Database, watched: Watched, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        await make_task(connection, project_id=scene.project.project_id, task_type="design")
    assert await watched.claim(scene.owner, scene.instance_id) is not None
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE tasks SET lease_expires_at = now() - interval '1 second'"))

    for _ in range(2):
        before = watched.writes
        kinds = (TaskType.TESTING,)
        assert await watched.claim(scene.owner, scene.instance_id, task_types=kinds) is None

    assert watched.writes == before
    assert watched.rung == 2  # the claim, and the task that is queued again
    assert await database.primary.fetchval("SELECT status FROM tasks") == "QUEUED"


@pytest.mark.parametrize("how", ["viewer", "stranger", "ended", "archived"])
async def test_an_agent_that_may_not_claim_is_told_so_each_time_and_leaves_nothing(
    database: Database, watched: Watched, scene: Scene, how: str
) -> None:
    refusals: dict[str, type[DomainError]] = {"viewer": Forbidden, "stranger": NotFound}
    principal = getattr(scene, how, scene.owner)
    async with database.writer.begin() as connection:
        if how == "ended":
            await connection.execute(text("UPDATE cc_instances SET status = 'STOPPED'"))
        if how == "archived":
            await connection.execute(text("UPDATE projects SET status = 'archived'"))
    logged = "SELECT count(*) FROM system_logs"
    before = await database.primary.fetchval(logged)

    for _ in range(2):
        with pytest.raises(refusals.get(how, Conflict)):
            await watched.claim(principal, scene.instance_id)

    assert await database.primary.fetchval(logged) == before
    assert (watched.singles.lent, watched.rung) == (0, 0)


async def test_a_task_that_comes_between_two_polls_is_claimed_by_the_second(
    database: Database, watched: Watched, scene: Scene
) -> None:
    assert await watched.claim(scene.owner, scene.instance_id) is None
    async with database.writer.begin() as connection:
        task = await make_task(connection, project_id=scene.project.project_id)
    watched.clear()

    assert await watched.claim(scene.owner, scene.instance_id, lease=timedelta(minutes=1)) == task.id

    assert (watched.reads.lent, watched.writes) == (1, (1, 0, 1))


async def test_signs_of_life_of_the_dead_and_of_others_leave_nothing(
    database: Database, watched: Watched, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        ended = (await make_instance(connection, project_id=scene.project.project_id, status="STOPPED")).id
    before = await watched.left()

    assert await record_heartbeats(action(watched.database, scene.owner), [ended]) == []
    assert await record_heartbeats(action(watched.database, scene.viewer), [scene.instance_id]) == []
    assert await record_heartbeats(action(watched.database, scene.owner), []) == []

    assert await watched.left() == before
    assert watched.rung == 0
