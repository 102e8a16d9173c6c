"""Workers that race, rest, meet receivers that hang or fail, and keep quiet hours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.config.settings import Settings
from app.worker import open_sender
from services.core.addresses import AllowedAddresses
from services.core.background import Supervisor
from services.core.database import Database
from services.core.retry import Backoff
from services.delivery.breaker import Breakers
from services.delivery.http_client import Client, NotSent, Request
from services.delivery.worker import Delivery, Pace
from services.feed.wakeup import Wakeup
from tests.integration.delivery.conftest import Desk, Working
from tests.support.clock import Clock
from tests.support.receivers import Got, Receiver, Reply, receiving
from tests.support.waiting import until


async def count(desk: Desk, status: str) -> int:
    found = await desk.one(f"SELECT count(*) FROM notification_history WHERE status = '{status}'")
    return int(found[0])


async def test_workers_that_race_send_each_once(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    await desk.execute(
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message)"
        f" SELECT {user.id}, 'task_completed', 'webhook', 't', 'm' FROM generate_series(1, 300)"
    )
    async with working(), working(), working():
        await until(lambda: len(receiver.got) >= 300)

        async def all_sent() -> bool:
            return await count(desk, "sent") == 300

        await until(all_sent)
    assert len(receiver.got) == 300
    assert len({got.header("webhook-id") for got in receiver.got}) == 300


async def test_a_lease_of_a_dead_worker_runs_out_and_its_row_is_sent_under_the_same_id(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    await desk.execute(
        "UPDATE notification_history SET lease_holder = gen_random_uuid(),"
        f" lease_expires_at = now() + interval '1 hour' WHERE id = {key}"
    )
    before = await desk.row(key)
    async with working():
        later = await desk.ended(await desk.notify(user.id))
        assert (await desk.row(key)).status == "pending"
        await desk.execute(f"UPDATE notification_history SET lease_expires_at = now() WHERE id = {key}")
        row = await desk.ended(key)
    assert before.message_id == row.message_id
    assert [got.header("webhook-id") for got in receiver.got] == [str(later.message_id), str(row.message_id)]


async def test_a_worker_that_was_taken_over_changes_nothing(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    """Its answer comes after another worker has the row."""
    other = "0197a000-0000-4000-8000-000000000001"

    async def answer(got: Got) -> Reply:
        await desk.execute(
            f"UPDATE notification_history SET lease_holder = '{other}',"
            " lease_expires_at = now() + interval '1 hour'"
        )
        return Reply()

    receiver.answer = answer
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    async with working():  # whose end waits for what it sends
        await receiver.has(1)
    row = await desk.row(key)
    assert (row.status, str(row.lease_holder)) == ("pending", other)


async def test_what_is_cancelled_while_it_is_sent_stays_cancelled(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    async def answer(got: Got) -> Reply:
        await desk.execute("UPDATE notification_history SET status = 'cancelled'")
        return Reply(500)

    receiver.answer = answer
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    async with working():  # whose end waits for what it sends
        await receiver.has(1)
    assert (await desk.row(key)).status == "cancelled"
    assert len(receiver.got) == 1


async def many_wait(desk: Desk, user_id: int) -> None:
    """A thousand that are due before all others."""
    await desk.execute(
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message,"
        " scheduled_at, max_retries)"
        f" SELECT {user_id}, 'task_completed', 'webhook', 't', 'm', now() - interval '1 hour', 1"
        " FROM generate_series(1, 1000)"
    )


async def test_a_receiver_that_hangs_delays_no_other(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    released = asyncio.Event()

    async def hang(_: Got) -> Reply:
        await released.wait()
        return Reply()

    async with receiving(hang) as hanging:
        slow, quick = await desk.person(), await desk.person()
        await desk.setting(user_id=slow.id, webhook_url=hanging.url)
        await desk.setting(user_id=quick.id, webhook_url=receiver.url)
        await many_wait(desk, slow.id)
        async with working(delivery_concurrency=20, delivery_timeout=3600.0):
            await hanging.has(8)
            for number in range(5):
                await desk.notify(quick.id)
                await receiver.has(number + 1)  # what waited for the others would wait for an hour
            assert len(hanging.got) == 8
            released.set()


async def test_a_receiver_that_never_answers_is_left_alone_and_what_waits_for_it_is_out_of_the_way(
    desk: Desk, working: Working
) -> None:
    async def hang(_: Got) -> Reply:
        await asyncio.sleep(3600)
        return Reply()

    async with receiving(hang) as hanging:
        slow = await desk.person()
        await desk.setting(user_id=slow.id, webhook_url=hanging.url)
        await many_wait(desk, slow.id)
        async with working(delivery_timeout=0.3, delivery_breaker_pause=600.0):
            await hanging.has(5)

            async def out_of_the_way() -> bool:
                found = await desk.one(
                    "SELECT count(*) FROM notification_history WHERE status = 'pending'"
                    f" AND user_id = {slow.id} AND next_attempt_at > now() + interval '5 minutes'"
                )
                return bool(found[0] >= 900)

            await until(out_of_the_way)
            assert len(hanging.got) <= 16


async def test_a_circuit_breaker_leaves_a_failing_receiver_alone_and_tries_it_again(
    settings: Settings, database: Database, desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(503)
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    keys = [await desk.notify(user.id, max_retries=50) for _ in range(10)]
    clock, supervisor = Clock(), Supervisor()
    breakers = Breakers(failures=3, first=600, places=1, clock=clock)
    pace = Pace(backoff=Backoff(first=0.05))
    async with Wakeup("memory://").watched_by(supervisor) as wakeup, open_sender(settings) as sender:
        own = replace(database, after_commit=wakeup.notify)
        vault = settings.vault()
        worker = Delivery(own, sender, vault, wakeup.event(), pace=pace, breakers=breakers)
        async with worker.watched_by(supervisor):

            async def they_rest() -> bool:
                found = await desk.one(
                    "SELECT count(*) FROM notification_history"
                    " WHERE next_attempt_at > now() + interval '5 minutes'"
                )
                return bool(found[0] >= 8)  # two that failed may have had to wait for their next attempt

            await until(they_rest)
            await desk.execute("UPDATE notification_history SET next_attempt_at = now()")
            async with receiving() as of_another:
                another = await desk.person()
                await desk.setting(user_id=another.id, webhook_url=of_another.url)
                await desk.ended(await desk.notify(another.id))
            assert len(receiver.got) == 3, "those that are due would have been sent before"
            receiver.answer = lambda _: Reply(200)
            clock.now += 600
            for key in keys:
                await desk.ended(key)
    assert len(receiver.got) == 3 + 10
    assert sum([(await desk.row(key)).retry_count for key in keys]) == 3


async def test_a_refused_connection_and_no_answer_are_told_and_tried_again(
    desk: Desk, working: Working
) -> None:
    async with receiving() as gone:
        url = gone.url
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=url)
    key = await desk.notify(user.id, max_retries=1)
    async with working():
        row = await desk.ended(key, "failed")
    assert (row.retry_count, row.response_code) == (1, None)
    assert row.error_message == "The receiver cannot be connected to."


@pytest.mark.parametrize(
    ("priority", "hour", "waits"), [("normal", 23, True), ("urgent", 23, False), ("normal", 12, False)]
)
async def test_quiet_hours_hold_by_the_persons_clock(
    priority: str,
    hour: int,
    waits: bool,
    settings: Settings,
    database: Database,
    desk: Desk,
    receiver: Receiver,
) -> None:
    tokyo = datetime(2026, 11, 28, hour, 30, tzinfo=UTC) - timedelta(hours=9)
    user = await desk.person()
    await desk.setting(
        user_id=user.id,
        webhook_url=receiver.url,
        filter_rules={"quiet_hours": {"from": "22:00", "to": "07:00", "timezone": "Asia/Tokyo"}},
    )
    key = await desk.notify(user.id, priority=priority)
    supervisor = Supervisor()
    async with Wakeup("memory://").watched_by(supervisor) as wakeup, open_sender(settings) as sender:
        own = replace(database, after_commit=wakeup.notify)
        worker = Delivery(own, sender, settings.vault(), wakeup.event(), clock=lambda: tokyo)
        async with worker.watched_by(supervisor):
            if not waits:
                await desk.ended(key)
                return

            async def put_off() -> bool:
                return (await desk.row(key)).next_attempt_at is not None

            await until(put_off)
    row = await desk.row(key)
    assert receiver.got == []
    assert (row.status, row.retry_count) == ("pending", 0)
    left = row.next_attempt_at - datetime.now(UTC)
    assert timedelta(hours=7.4) < left < timedelta(hours=7.6)


async def test_a_summary_is_one_message_a_minute(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person(preferences={"language": "ja"})
    await desk.setting(user_id=user.id, webhook_url=receiver.url, filter_rules={"summary": True})
    first = await desk.notify(user.id, title="一")
    async with working(delivery_places=1):
        await desk.ended(first)
        keys = [await desk.notify(user.id, title=f"題 {number}") for number in range(4)]

        async def all_wait() -> bool:
            rows = [await desk.row(key) for key in keys]
            return all(row.next_attempt_at is not None for row in rows)

        await until(all_wait)
        assert len(receiver.got) == 1
        left = (await desk.row(keys[0])).next_attempt_at - datetime.now(UTC)
        assert timedelta(seconds=40) < left <= timedelta(seconds=60)
        # A minute later.
        await desk.execute("UPDATE notification_pace SET told_at = told_at - interval '1 minute'")
        await desk.execute(
            "UPDATE notification_history SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )
        rows = [await desk.ended(key) for key in keys]
    assert len(receiver.got) == 2
    summary = receiver.got[1].json["data"]
    assert summary["title"] == "通知が 4 件あります"
    assert sorted(summary["items"]) == [f"題 {number}" for number in range(4)]
    assert {str(row.message_id) for row in rows} == {receiver.got[1].header("webhook-id")}


async def test_a_setting_that_is_off_or_missing_and_an_account_that_is_off_are_told(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    off, none, inactive = await desk.person(), await desk.person(), await desk.person(is_active=False)
    await desk.setting(user_id=off.id, webhook_url=receiver.url, is_enabled=False)
    await desk.setting(user_id=inactive.id, webhook_url=receiver.url)
    keys = [await desk.notify(user.id) for user in (off, none, inactive)]
    async with working():
        rows = [await desk.ended(key, "failed") for key in keys]
    assert receiver.got == []
    assert ["enabled setting" in row.error_message for row in rows] == [True, True, False]


@asynccontextmanager
async def halfway(begins: bytes, *, hangs: bool) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A receiver that breaks off in the middle of its answer, or says no more; its URL, and what it got."""
    got: list[bytes] = []
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(begins)
        await writer.drain()
        if hangs:
            await done.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", got
    finally:
        done.set()
        server.close()


@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize("length", ["Content-Length: 900", "Transfer-Encoding: chunked"])
async def test_what_was_taken_is_not_sent_again_because_the_rest_of_the_answer_does_not_come(
    desk: Desk, working: Working, length: str, hangs: bool
) -> None:
    part = "4\r\ntook" if "chunked" in length else "took"
    begins = f"HTTP/1.1 202 Accepted\r\n{length}\r\n\r\n{part}".encode()
    user = await desk.person()
    async with halfway(begins, hangs=hangs) as (url, got):
        await desk.setting(user_id=user.id, webhook_url=url)
        key = await desk.notify(user.id)
        async with working(delivery_timeout=3):
            row = await desk.ended(key, "sent")
    assert (row.response_code, row.response_body, row.retry_count) == (202, "took", 0)
    assert len(got) == 1


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-"])
async def test_half_a_head_is_no_answer(begins: bytes) -> None:
    client = Client(AllowedAddresses.of("127.0.0.1"), 0.5)
    async with halfway(begins, hangs=True) as (url, _):
        with pytest.raises(NotSent, match="no answer within"):
            await client.post(Request(url, {}, b"{}"))
    await client.close()
