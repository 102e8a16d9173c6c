"""Log entries come from their own tables by the snapshot rule: none is lost, doubled or held up."""

import asyncio
import random
from uuid import UUID

from services.feed.events import ChangeEvent
from services.feed.logs import read_entries, read_more_entries
from services.feed.reading import current_snapshot
from services.feed.snapshots import Snapshot
from tests.integration.feed.conftest import Connect, Writer, add_instance, add_user


class Tailing:
    """A reader of logs that keeps what it has read."""

    def __init__(self, connection: Writer, position: Snapshot) -> None:
        self._connection = connection
        self.position = position
        self.events: list[ChangeEvent] = []

    async def read(self) -> list[str]:
        """The texts of the entries that are new."""
        batch = await read_entries(self._connection, self.position)
        self.position = batch.after
        self.events += batch.events
        return [text_of(event) for event in batch.events]


async def tailing(connect: Connect) -> Tailing:
    connection = await connect()
    return Tailing(connection, await current_snapshot(connection))


def text_of(event: ChangeEvent) -> str:
    assert event.new is not None
    text: str = event.new["message"]
    return text


async def log(connection: Writer, instance: UUID | None, message: str, level: str = "info") -> UUID:
    entry: UUID = await connection.fetchval(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " VALUES ($1, $2, 'task', $3) RETURNING id",
        instance,
        level,
        message,
    )
    return entry


async def test_entries_of_all_three_tables_come_with_the_project_they_belong_to(
    connect: Connect, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    instance = await add_instance(writer, project_id)
    task = await writer.fetchval(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1, 'plan', 'design') RETURNING id",
        project_id,
    )
    session = await writer.fetchval(
        "INSERT INTO sessions (session_id, name, user_id, project_id)"
        " SELECT ccgraph_uuid7(), 'work', $1, id FROM projects WHERE project_id = $2 RETURNING session_id",
        owner_id,
        project_id,
    )
    reader = await tailing(connect)
    await log(writer, instance, "one")
    await writer.execute(
        "INSERT INTO task_logs (task_id, log_level, phase, message) VALUES ($1, 'warn', 'setup', 'two')", task
    )
    await writer.execute(
        "INSERT INTO system_logs (level, category, module, session_id, user_id, message)"
        " VALUES ('CRITICAL', 'audit', 'api', $1, $2, 'three')",
        session,
        owner_id,
    )
    assert await reader.read() == ["one", "two", "three"]
    assert [event.table for event in reader.events] == ["cc_logs", "task_logs", "system_logs"]
    assert {event.project_id for event in reader.events} == {project_id}
    assert [event.instance_id for event in reader.events] == [instance, None, None]
    assert [event.actor_id for event in reader.events] == [None, None, owner_id]


async def test_an_entry_that_is_committed_late_is_read_late_and_holds_up_no_other(
    connect: Connect, project_id: UUID
) -> None:
    slow, quick, reader = await connect(), await connect(), await tailing(connect)
    transaction = slow.transaction()
    await transaction.start()
    await log(slow, None, "first written")
    for number in range(20):
        await log(quick, None, str(number))
        assert await reader.read() == [str(number)]
    await transaction.commit()
    assert await reader.read() == ["first written"]
    assert await reader.read() == []


async def test_a_later_key_that_commits_first_is_read_first(connect: Connect) -> None:
    early, late, reader = await connect(), await connect(), await tailing(connect)
    transaction = early.transaction()
    await transaction.start()
    first = await add_system_log(early, "early")
    second = await add_system_log(late, "late")
    assert first < second
    assert await reader.read() == ["late"]
    await transaction.commit()
    assert await reader.read() == ["early"]


async def add_system_log(connection: Writer, message: str) -> int:
    key: int = await connection.fetchval(
        "INSERT INTO system_logs (level, category, module, message)"
        " VALUES ('INFO', 'test', 'test', $1) RETURNING id",
        message,
    )
    return key


async def test_what_is_rolled_back_is_never_read_and_of_nested_transactions_the_committed_part_is(
    connect: Connect,
) -> None:
    writer, reader = await connect(), await tailing(connect)
    outer = writer.transaction()
    await outer.start()
    await log(writer, None, "before")
    kept = writer.transaction()
    await kept.start()
    await log(writer, None, "within")
    await kept.commit()
    lost = writer.transaction()
    await lost.start()
    await log(writer, None, "lost")
    await lost.rollback()
    assert await reader.read() == []
    await outer.commit()
    assert sorted(await reader.read()) == ["before", "within"]
    void = writer.transaction()
    await void.start()
    await log(writer, None, "void")
    await void.rollback()
    assert await reader.read() == []


async def test_an_entry_with_the_time_of_yesterday_is_new_when_it_is_written(
    connect: Connect, writer: Writer
) -> None:
    reader = await tailing(connect)
    await writer.execute(
        "INSERT INTO cc_logs (log_level, category, message, created_at)"
        " VALUES ('info', 'git', 'old', now() - interval '1 day'), ('info', 'git', 'new', now())"
    )
    assert await reader.read() == ["old", "new"]


async def test_an_entry_that_loses_its_instance_is_not_new_again(
    connect: Connect, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    reader = await tailing(connect)
    await log(writer, instance, "once")
    assert await reader.read() == ["once"]
    await writer.execute("DELETE FROM cc_instances WHERE id = $1", instance)
    assert await reader.read() == []


async def test_a_bulk_of_five_thousand_in_one_transaction_is_read_in_pages_without_hole_or_repeat(
    connect: Connect, writer: Writer, project_id: UUID
) -> None:
    connection = await connect()
    before = await current_snapshot(connection)
    user = await add_user(writer)
    async with writer.transaction():
        await writer.execute(
            "INSERT INTO cc_logs (log_level, category, message)"
            " SELECT 'info', 'system', 'c' || n FROM generate_series(1, 3000) n"
        )
        await writer.execute(
            "INSERT INTO system_logs (level, category, module, user_id, message)"
            " SELECT 'INFO', 'bulk', 'test', $1, 's' || n FROM generate_series(1, 2000) n",
            user,
        )
    batch = await read_entries(connection, before, limit=700)
    read = [*batch.events]
    while not batch.complete:
        batch = await read_more_entries(connection, before, batch.after, read[-1].place, limit=700)
        read += batch.events
    texts = [text_of(event) for event in read]
    assert len(texts) == 5000
    assert set(texts) == {f"c{n}" for n in range(1, 3001)} | {f"s{n}" for n in range(1, 2001)}


async def test_interleaved_writers_with_savepoints_and_rollbacks_lose_and_repeat_nothing(
    connect: Connect,
) -> None:
    reader = await tailing(connect)
    committed: list[str] = []
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            await reader.read()
        await reader.read()

    async def write(number: int) -> None:
        connection, chance = await connect(), random.Random(number)
        for turn in range(15):
            committed.extend(await _transaction(connection, f"{number}.{turn}", chance))

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(8)))
    done.set()
    await reading
    assert len(committed) > 100
    assert sorted(map(text_of, reader.events)) == sorted(committed)


async def _transaction(connection: Writer, name: str, chance: random.Random) -> list[str]:
    """Some entries, some of them in savepoints; the texts of what was committed in the end."""
    kept: list[str] = []
    transaction = connection.transaction()
    await transaction.start()
    for number in range(chance.randrange(1, 5)):
        savepoint = connection.transaction()
        await savepoint.start()
        text = f"{name}.{number}"
        await log(connection, None, text)
        if chance.random() < 0.3:
            await savepoint.rollback()
        else:
            await savepoint.commit()
            kept.append(text)
    if chance.random() < 0.2:
        await transaction.rollback()
        return []
    await transaction.commit()
    return kept
