"""Rows that Python cannot hold, written by plain SQL: they are events like others, and stop none."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from services.feed.logs import LOG_TABLES, read_entries, read_more_entries
from services.feed.reading import current_snapshot
from tests.integration.feed.conftest import Connect, Listening, Open, Writer, add_instance
from tests.support.waiting import until

TIMES = (
    "-infinity",
    "0044-03-15 12:00:00+00 BC",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
    "58692-11-03 14:13:20.5+00",
    "infinity",
)
SHOWN = (
    "-infinity",
    "0044-03-15T12:00:00+00:00 BC",
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59.999999+00:00",
    "58692-11-03T14:13:20.5+00:00",
    "infinity",
)
INSERTS = {
    "cc_logs": "INSERT INTO cc_logs (cc_instance_id, log_level, category, message, created_at)"
    " VALUES ($1, 'info', 'system', $2, $3::text::timestamptz)",
    "task_logs": "INSERT INTO task_logs (cc_instance_id, log_level, phase, message, created_at)"
    " VALUES ($1, 'info', 'execution', $2, $3::text::timestamptz)",
    "system_logs": "INSERT INTO system_logs (level, category, module, message, created_at, user_id)"
    " SELECT 'INFO', 'c', 'm', $2, $3::text::timestamptz, p.owner_id"
    " FROM cc_instances i JOIN projects p USING (project_id) WHERE i.id = $1",
}
LOGS = (
    "subscription ($after: String) { logAppended(after: $after)"
    " { cursor at message log { ... on CcLog { createdAt } } } }"
)


async def told(listening: Listening) -> Any:
    """The next event of the one field."""
    event: Any = await listening.next()
    assert "errors" not in event, event
    [value] = event["data"].values()
    return value


def test_every_table_of_logs_is_tried_here() -> None:
    assert INSERTS.keys() == {table.name for table in LOG_TABLES}


async def test_entries_of_any_time_are_told_and_what_follows_them_too(
    subscribe: Open, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(LOGS)
    for time, shown in zip(TIMES, SHOWN, strict=True):
        await writer.execute(INSERTS["cc_logs"], instance, time, time)
        event = await told(listening)
        assert (event["message"], event["at"], event["log"]["createdAt"]) == (time, shown, shown)
    cursors = [*listening.cursors]
    await writer.execute(INSERTS["cc_logs"], instance, "after", "2026-01-01")
    assert (await told(listening))["message"] == "after"
    for number, cursor in enumerate(cursors):
        resumed = await subscribe(LOGS, after=cursor)
        heard = [(await told(resumed))["message"] for _ in [*TIMES[number + 1 :], "after"]]
        assert sorted(heard) == sorted([*TIMES[number + 1 :], "after"])
        resumed.close()


async def test_a_batch_of_them_is_read_in_pieces(connect: Connect, writer: Writer, project_id: UUID) -> None:
    instance = await add_instance(writer, project_id)
    reader = await connect()
    before = await current_snapshot(reader)
    async with writer.transaction():
        for insert in INSERTS.values():
            for time in TIMES:
                await writer.execute(insert, instance, time, time)
    batch = await read_entries(reader, before, limit=2)
    events = [*batch.events]
    while not batch.complete:
        batch = await read_more_entries(reader, batch.before, batch.after, events[-1].place, limit=2)
        events += batch.events
    assert [event.at for event in events] == [shown for shown in SHOWN for _ in INSERTS]
    assert len({event.place for event in events}) == len(events)


NUMBERS = ("1e400", "-1e400", "1e-400", "123456789012345678901234567890", "123456789012345678.25", "1e308")


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_that_no_double_holds_is_told_with_its_digits(
    subscribe: Open, writer: Writer, project_id: UUID, owner_id: int, number: str
) -> None:
    query = "subscription ($p: UUID!) { changes(projectId: $p) { table new old node { __typename } } }"
    listening = await subscribe(query, p=project_id)
    collaborators = f'[{{"user_id": {number}, "role": "viewer"}}]'
    await writer.execute(
        "UPDATE projects SET collaborators = $2::text::jsonb WHERE project_id = $1", project_id, collaborators
    )
    assert listening.subscription is not None
    payload = await raw(listening)
    exact = await writer.fetchval("SELECT $1::text::numeric::text", number)
    assert f'"user_id":{exact}'.encode() in payload.replace(b'": ', b'":'), payload
    await writer.execute("UPDATE projects SET collaborators = '[]' WHERE project_id = $1", project_id)
    assert exact.encode() in await raw(listening)
    await add_instance(writer, project_id)
    assert orjson.loads(await raw(listening))["data"]["changes"]["table"] == "CC_INSTANCES"


async def raw(listening: Listening) -> bytes:
    """The next event as it goes over the wire."""
    assert listening.subscription is not None
    subscriber = listening.subscription.subscriber
    await until(lambda: subscriber.waiting > 0)
    delivery = subscriber.take()
    assert delivery is not None
    return delivery.payload
