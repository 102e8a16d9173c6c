"""`ccgraph worker` as processes that are killed at any moment: nothing is lost, and ids stay the same."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import text

from app.config.settings import Settings
from services.core.database import Database
from tests.integration.delivery.test_channels import Browser
from tests.support.factories import make_notification_setting, make_user
from tests.support.forked import FORKER, ForkedProcess
from tests.support.receivers import Got, Receiver, Reply, receiving
from tests.support.waiting import until, until_locked_out

EACH = 200
KILLS = 6
SERVICES = ("webhook", "slack", "discord", "line", "web_push")


class Workers:
    """Processes of `ccgraph worker` on one database."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self.running: list[ForkedProcess] = []

    def start(self, **settings: str) -> ForkedProcess:
        """One more."""
        environment = {**os.environ, **self._environment, **settings}
        process = FORKER.start(["worker"], self._folder, environment)
        self.running.append(process)
        return process

    def kill(self, process: ForkedProcess) -> None:
        """As the kernel does when memory runs out."""
        process.kill()
        process.wait()
        self.running.remove(process)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def workers(
    database_url: str, settings: Settings, receiver: Receiver, tmp_path: Path
) -> AsyncIterator[Workers]:
    workers = Workers(
        tmp_path,
        {
            "DATABASE_URL": database_url,
            "CCGRAPH_SECRET_KEY": settings.signing_key(),
            "CCGRAPH_DELIVERY_ALLOWED": "127.0.0.0/8",
            "CCGRAPH_DELIVERY_TIMEOUT": "1",
            "CCGRAPH_DELIVERY_BACKOFF": "0.2",
            "CCGRAPH_LINE_URL": receiver.url + "/line",
            "CCGRAPH_SLACK_URL": receiver.url + "/slack",
        },
    )
    try:
        yield workers
    finally:
        for process in list(workers.running):
            workers.kill(process)


async def wish(database: Database, receiver: Receiver) -> int:
    """A person who wants to be told by every service; the key."""
    configuration: dict[str, dict[str, Any]] = {
        "webhook": {"webhook_url": receiver.url + "/webhook"},
        "slack": {"service_config": {"token": "t", "channel": "c"}},
        "discord": {"service_config": {"webhook_url": receiver.url + "/discord"}},
        "line": {"service_config": {"channel_access_token": "t", "to": "u"}},
        "web_push": {"push_subscription": BROWSER.subscription(receiver.url + "/push")},
    }
    async with database.writer.begin() as connection:
        user = await make_user(connection)
        for service, values in configuration.items():
            given = {"webhook_url": None, **values}
            await make_notification_setting(connection, user_id=user.id, service_type=service, **given)
    return int(user.id)


BROWSER = Browser()


async def store(database: Database, user_id: int, each: int = EACH) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO notification_history"
                " (user_id, notification_type, service_type, title, message, max_retries)"
                f" SELECT {user_id}, 'task_completed', service, 'number ' || number || '.', 'm', 20"
                f" FROM generate_series(1, {each}) AS number, unnest(CAST(:services AS text[])) AS service"
            ),
            {"services": list(SERVICES)},
        )


async def statuses(database: Database) -> dict[str, int]:
    async with database.writer.connect() as connection:
        found = await connection.execute(
            text("SELECT status, count(*) FROM notification_history GROUP BY status")
        )
        return {row[0]: row[1] for row in found}


def told(got: Got) -> tuple[str, str]:
    """The service, and the title that came."""
    service = got.target.split("?")[0].split("/")[1]
    if service == "push":
        return service, orjson.loads(BROWSER.read(got.body))["title"]
    body = got.json
    title = {
        "webhook": lambda: body["data"]["title"],
        "slack": lambda: body["blocks"][0]["text"]["text"],
        "discord": lambda: body["embeds"][0]["title"],
        "line": lambda: body["messages"][0]["text"].split("】")[1].split("\n")[0],
    }[service]()
    return service, str(title)


@pytest.mark.long
async def test_a_thousand_notifications_survive_workers_that_are_killed_at_random(
    database: Database, workers: Workers, receiver: Receiver
) -> None:
    async def answer(_: Got) -> Reply:
        await asyncio.sleep(chance.uniform(0, 0.05))
        return Reply(200 if chance.random() < 0.97 else 503, b'{"ok":true}')

    seed = random.randrange(sys.maxsize)
    print(f"seed {seed}")
    chance = random.Random(seed)
    receiver.answer = answer
    user_id = await wish(database, receiver)
    await store(database, user_id)
    for _ in range(2):
        workers.start()
    await receiver.has(1)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        workers.kill(chance.choice(workers.running))
        workers.start()

    async def all_ended() -> bool:
        return "pending" not in await statuses(database)

    await until(all_ended, 120)
    assert await statuses(database) == {"sent": EACH * len(SERVICES)}
    come = Counter(told(got) for got in receiver.got)
    assert len(come) == EACH * len(SERVICES)  # none is lost
    for name, header in (("webhook", "webhook-id"), ("line", "x-line-retry-key"), ("push", "topic")):
        ids: dict[str, set[str]] = {}
        for got in receiver.got:
            service, title = told(got)
            if service == name:
                ids.setdefault(title, set()).add(got.header(header))
        assert [title for title, found in ids.items() if len(found) != 1] == []
        assert len(set.union(*ids.values())) == EACH


@pytest.mark.parametrize("moment", ["before the answer", "after the answer"])
async def test_a_worker_that_is_killed_in_the_middle_is_taken_over(
    moment: str, database: Database, workers: Workers, receiver: Receiver
) -> None:
    async def answer(_: Got) -> Reply:
        if len(receiver.got) == 1:
            if moment == "before the answer":
                first.kill()
            else:
                # Its answer is on the way, and what it would write down waits for this row.
                holding.set()
                await held.wait()
        return Reply()

    @asynccontextmanager
    async def row_held() -> AsyncIterator[None]:
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT FROM notification_history FOR UPDATE")
                held.set()
                yield
                # What the dead worker's connection still waits to write goes with it.
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                await until_locked_out(url, 0)
        finally:
            await connection.close()

    url = workers._environment["DATABASE_URL"]
    holding, held = asyncio.Event(), asyncio.Event()
    receiver.answer = answer
    user_id = await wish(database, receiver)
    async with database.writer.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO notification_history (user_id, notification_type, service_type, title, message)"
                f" VALUES ({user_id}, 'task_completed', 'webhook', 'number 1.', 'm')"
            )
        )
    first = workers.start()
    if moment == "after the answer":
        await holding.wait()
        async with row_held():
            await until_locked_out(url)
            first.kill()
            await asyncio.to_thread(first.wait)
    await asyncio.to_thread(first.wait)
    assert (await statuses(database)) == {"pending": 1}
    workers.start(CCGRAPH_DELIVERY_TIMEOUT="60")
    await receiver.has(2)

    async def sent() -> bool:
        return await statuses(database) == {"sent": 1}

    await until(sent)
    assert len({got.header("webhook-id") for got in receiver.got}) == 1
    assert len(receiver.got) == 2


async def test_a_worker_ends_well_at_a_signal(
    database: Database, workers: Workers, receiver: Receiver
) -> None:
    """What is under way is finished and written down."""

    async def answer(_: Got) -> Reply:
        if len(receiver.got) == 1:
            process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        return Reply()

    receiver.answer = answer
    user_id = await wish(database, receiver)
    await store(database, user_id, each=40)
    process = workers.start(CCGRAPH_DELIVERY_TIMEOUT="30")
    assert await asyncio.to_thread(process.wait, 60) == 0
    found = await statuses(database)
    assert found["sent"] == len(receiver.got)
    assert found["pending"] == 200 - len(receiver.got)
    async with database.writer.connect() as connection:
        leased = await connection.scalar(
            text("SELECT count(*) FROM notification_history WHERE lease_holder IS NOT NULL")
        )
    assert leased == 0
