"""Nothing is skipped, nothing comes twice and nobody waits, however transactions interleave."""

import asyncio
import random
from uuid import UUID

from services.feed.events import ChangeEvent
from services.feed.reading import current_snapshot, read_batch, read_rest
from services.feed.snapshots import Snapshot
from tests.integration.feed.conftest import Connect, Writer, add_instance


class Following:
    """A reader that keeps what it has read, as the feed does."""

    def __init__(self, connection: Writer, position: Snapshot) -> None:
        self._connection = connection
        self.position = position
        self.events: list[ChangeEvent] = []

    async def read(self) -> list[str]:
        """The keys of the rows whose events are new."""
        batch = await read_batch(self._connection, self.position)
        self.position = batch.after
        self.events += batch.events
        return [event.key for event in batch.events]


async def following(connect: Connect) -> Following:
    connection = await connect()
    return Following(connection, await current_snapshot(connection))


async def test_a_later_number_that_commits_first_is_read_first_and_the_earlier_one_afterwards(
    connect: Connect, project_id: UUID
) -> None:
    early, late, reader = await connect(), await connect(), await following(connect)
    transaction = early.transaction()
    await transaction.start()
    first = await add_instance(early, project_id)
    second = await add_instance(late, project_id)
    assert await reader.read() == [str(second)]
    await transaction.commit()
    assert await reader.read() == [str(first)]
    assert await reader.read() == []
    assert reader.events[0].number > reader.events[1].number


async def test_what_is_rolled_back_is_never_read(connect: Connect, project_id: UUID) -> None:
    writer, reader = await connect(), await following(connect)
    transaction = writer.transaction()
    await transaction.start()
    await add_instance(writer, project_id)
    assert await reader.read() == []
    await transaction.rollback()
    kept = await add_instance(writer, project_id)
    assert await reader.read() == [str(kept)]


async def test_of_nested_transactions_the_committed_part_is_read_with_the_outermost_commit(
    connect: Connect, project_id: UUID
) -> None:
    writer, other, reader = await connect(), await connect(), await following(connect)
    outer = writer.transaction()
    await outer.start()
    before = await add_instance(writer, project_id)
    inner = writer.transaction()
    await inner.start()
    within = await add_instance(writer, project_id)
    await inner.commit()
    lost = writer.transaction()
    await lost.start()
    await add_instance(writer, project_id)
    await lost.rollback()
    beside = await add_instance(other, project_id)
    assert await reader.read() == [str(beside)]
    await outer.commit()
    assert await reader.read() == [str(before), str(within)]


async def test_a_writer_that_stays_open_holds_up_nobody(connect: Connect, project_id: UUID) -> None:
    slow, quick, reader = await connect(), await connect(), await following(connect)
    transaction = slow.transaction()
    await transaction.start()
    last = await add_instance(slow, project_id)
    for _ in range(20):
        key = await add_instance(quick, project_id)
        assert await reader.read() == [str(key)]
    await transaction.commit()
    assert await reader.read() == [str(last)]


async def test_an_effect_is_read_after_its_cause_also_within_one_batch(
    connect: Connect, project_id: UUID
) -> None:
    old, young, reader = await connect(), await connect(), await following(connect)
    instance = await add_instance(young, project_id)
    transaction = old.transaction()
    await transaction.start()
    await add_instance(old, project_id)  # so the older transaction has the lower id
    await young.execute("UPDATE cc_instances SET status = 'RUNNING' WHERE id = $1", instance)
    await old.execute("UPDATE cc_instances SET status = 'STOPPED' WHERE id = $1", instance)
    await transaction.commit()
    await reader.read()
    statuses = [event.new["status"] for event in reader.events if event.key == str(instance) and event.new]
    assert statuses == ["IDLE", "RUNNING", "STOPPED"]


async def test_a_batch_longer_than_a_page_is_read_in_pages_in_order(
    connect: Connect, project_id: UUID
) -> None:
    writer, connection = await connect(), await connect()
    before = await current_snapshot(connection)
    async with writer.transaction():
        keys = [str(await add_instance(writer, project_id)) for _ in range(25)]
    batch = await read_batch(connection, before, limit=10)
    read = [*batch.events]
    later = await add_instance(writer, project_id)
    while not batch.complete:
        batch = await read_rest(connection, before, batch.after, read[-1].place, limit=10)
        read += batch.events
    assert [event.key for event in read] == keys
    assert [event.key for event in (await read_batch(connection, batch.after)).events] == [str(later)]


async def test_a_change_of_no_watched_column_is_no_event(
    connect: Connect, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    reader = await following(connect)
    await writer.execute("UPDATE cc_instances SET last_heartbeat = now() WHERE id = $1", instance)
    assert await reader.read() == []


async def test_an_event_carries_old_and_new_values_the_routing_ids_and_the_actor(
    connect: Connect, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    reader = await following(connect)
    async with writer.transaction():
        await writer.execute("SELECT set_config('ccgraph.actor_id', '7', true)")
        await writer.execute("UPDATE cc_instances SET status = 'RUNNING' WHERE id = $1", instance)
    await writer.execute("DELETE FROM cc_instances WHERE id = $1", instance)
    await reader.read()
    update, delete = reader.events
    assert (update.table, update.operation, update.actor_id) == ("cc_instances", "UPDATE", 7)
    assert (update.project_id, update.instance_id) == (project_id, instance)
    assert update.old is not None
    assert update.new is not None
    assert (update.old["status"], update.new["status"]) == ("IDLE", "RUNNING")
    assert update.changed("status")
    assert not update.changed("name")
    assert (delete.operation, delete.new, delete.actor_id) == ("DELETE", None, None)


async def test_eleven_interleaved_writers_with_savepoints_and_rollbacks_lose_and_repeat_nothing(
    connect: Connect, project_id: UUID
) -> None:
    reader = await following(connect)
    committed: list[str] = []
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            await reader.read()
        await reader.read()

    async def write(chance: random.Random) -> None:
        connection = await connect()
        for _ in range(12):
            committed.extend(await _transaction(connection, project_id, chance))

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(random.Random(seed)) for seed in range(11)))
    done.set()
    await reading
    assert len(committed) > 100
    assert sorted(event.key for event in reader.events) == sorted(committed)


async def _transaction(connection: Writer, project_id: UUID, chance: random.Random) -> list[str]:
    """Some inserts, some of them in savepoints; the keys of what was committed in the end."""
    kept: list[str] = []
    transaction = connection.transaction()
    await transaction.start()
    for _ in range(chance.randrange(1, 5)):
        kept += await _insert(connection, project_id, chance)
    if chance.random() < 0.2:
        await transaction.rollback()
        return []
    await transaction.commit()
    return kept


async def _insert(connection: Writer, project_id: UUID, chance: random.Random) -> list[str]:
    """One insert, perhaps in a savepoint, which is perhaps rolled back."""
    if chance.random() < 0.5:
        return [str(await add_instance(connection, project_id))]
    savepoint = connection.transaction()
    await savepoint.start()
    key = str(await add_instance(connection, project_id))
    if chance.random() < 0.3:
        await savepoint.rollback()
        return []
    await savepoint.commit()
    return [key]
