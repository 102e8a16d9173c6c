"""The worker: each record is digested once, whichever worker has it, is killed or fails."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from app.config.settings import Settings
from services.core.database import Database
from services.feed.wakeup import WakeupEvent
from services.fleet.records import Digested, Problem, RawRecord
from services.ingest.digestion import Digest, Digestion
from services.writing.action import Transaction
from tests.integration.ingest.conftest import Person, send, stored
from tests.support.forked import FORKER, ForkedProcess
from tests.support.waiting import until

Plain: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Working: TypeAlias = Callable[..., AbstractAsyncContextManager[WakeupEvent]]

HOOKS = "/ingest/claude-code/hooks"
TRANSCRIPTS = "/ingest/claude-code/transcripts"

MADE = "CREATE TABLE made (record bigint, owner int, at timestamptz DEFAULT clock_timestamp(), pid int)"
"""What the digestion of these tests makes: a row for each record, without a key that would hide doubles."""


@pytest.fixture(autouse=True)
async def made(plain: Plain) -> None:
    await plain.execute(MADE)


async def note(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
    """Makes a row of each record."""
    for record in records:
        if record.body.get("poison") == "always" or (
            record.body.get("poison") == "together" and len(records) > 1
        ):
            raise ValueError(record.body)
        await transaction.connection.exec_driver_sql(
            "INSERT INTO made (record, owner, pid) VALUES ($1, $2, pg_backend_pid())", (record.id, owner)
        )
    return Digested(0, tuple(Problem(one.id, "odd") for one in records if one.body.get("odd")))


@pytest.fixture
def working(settings: Settings, app: Starlette) -> Working:
    """Runs a worker until the block ends."""

    @asynccontextmanager
    async def work(digest: Digest = note, poll: float = 0.02) -> AsyncIterator[WakeupEvent]:
        wakeup = WakeupEvent()
        async with Digestion(app.state.database, settings.vault(), digest, wakeup, poll=poll):
            yield wakeup

    return work


async def waiting(plain: Plain) -> int:
    """Records that nothing was made of yet."""
    found: int = await plain.fetchval("SELECT count(*) FROM ingest_records WHERE digested_at IS NULL")
    return found


async def all_done(plain: Plain) -> None:
    async def done() -> bool:
        return await waiting(plain) == 0

    await until(done)


async def hand_in(client: httpx.AsyncClient, person: Person, number: int, **more: Any) -> None:
    """So many hooks."""
    hooks = [{"hook_event_name": "Stop", "session_id": "s", "n": at, **more} for at in range(number)]
    for first in range(0, number, 500):
        assert (await send(client, person, HOOKS, hooks[first : first + 500])).status_code == 200


async def test_each_record_is_digested_once_in_its_order(
    client: httpx.AsyncClient, alice: Person, plain: Plain, working: Working
) -> None:
    await hand_in(client, alice, 450)
    async with working():
        await all_done(plain)
    ids = [row["id"] for row in await stored(plain, alice)]
    assert [row["record"] for row in await plain.fetch("SELECT record FROM made ORDER BY at")] == ids
    assert await plain.fetchval("SELECT bool_and(owner = $1) FROM made", alice.user_id)


async def test_workers_that_race_digest_each_record_once_and_a_person_by_one_at_a_time(
    client: httpx.AsyncClient, alice: Person, bob: Person, plain: Plain, working: Working
) -> None:
    under_way: dict[int, int] = {}
    most: dict[int, int] = {}

    async def slowly(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
        under_way[owner] = under_way.get(owner, 0) + 1
        most[owner] = max(most.get(owner, 0), under_way[owner])
        await asyncio.sleep(0.01)
        digested = await note(transaction, owner, records)
        under_way[owner] -= 1
        return digested

    async with working(slowly), working(slowly), working(slowly):
        for _ in range(6):
            await asyncio.gather(hand_in(client, alice, 100), hand_in(client, bob, 100))
        await all_done(plain)
    assert await plain.fetchval("SELECT count(*) FROM made") == 1_200
    assert await plain.fetchval("SELECT count(DISTINCT record) FROM made") == 1_200
    assert most == {alice.user_id: 1, bob.user_id: 1}


async def test_a_record_that_fails_keeps_its_error_and_its_neighbours_are_digested(
    client: httpx.AsyncClient, alice: Person, plain: Plain, working: Working
) -> None:
    await hand_in(client, alice, 5)
    await hand_in(client, alice, 1, poison="always")
    await hand_in(client, alice, 1, poison="together", odd=True)
    await hand_in(client, alice, 5)
    async with working():

        async def given_up() -> bool:
            most: int = await plain.fetchval("SELECT max(attempts) FROM ingest_records")
            return most == 3

        await until(given_up)
        await hand_in(client, alice, 1)

        async def one_is_left() -> bool:
            return await waiting(plain) == 1

        await until(one_is_left)
    rows = await stored(plain, alice)
    failed = [row for row in rows if row["digested_at"] is None]
    assert [row["body"]["poison"] for row in failed] == ["always"]
    assert failed[0]["error"] == "No rows could be made of it (ValueError)."
    assert await plain.fetchval("SELECT count(*) FROM made") == 12
    assert [row["error"] for row in rows if row["body"].get("odd")] == ["odd"]
    recent = (await client.get("/ingest/claude-code/recent", headers=alice.header)).json()
    assert recent["failed"] == {"records": 1, "last_error": failed[0]["error"]}
    assert recent["waiting"]["records"] == 0


async def test_what_happens_now_comes_before_what_has_happened(
    client: httpx.AsyncClient, alice: Person, bob: Person, plain: Plain, working: Working
) -> None:
    text = json.dumps({"type": "user", "text": "x" * 1_000}) + "\n"
    for person in (alice, bob):
        for number in range(3):
            body = {"file": f"p/{number}.jsonl", "offset": 0, "text": text * 400}
            assert (await send(client, person, TRANSCRIPTS, body)).status_code == 200
    batches: list[tuple[str, int]] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def noted(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
        if owner == alice.user_id:
            batches.append((records[0].source, len(records)))
            begun.set()
            await go_on.wait()
        return await note(transaction, owner, records)

    async with working(noted):
        await begun.wait()
        await hand_in(client, alice, 300)
        go_on.set()
        await all_done(plain)
    sources = [source for source, _ in batches]
    hooks = sources.count("hook")
    assert sources == ["transcript", *["hook"] * hooks, *["transcript"] * (len(sources) - 1 - hooks)]
    assert len(sources) > 1 + hooks
    assert max(size for _, size in batches) <= 200


async def test_a_record_is_noticed_at_once_where_the_worker_is_told(
    client: httpx.AsyncClient, app: Starlette, alice: Person, plain: Plain, settings: Settings
) -> None:
    wakeup = WakeupEvent()
    app.state.api.ingest._store._stored = wakeup.set
    async with Digestion(app.state.database, settings.vault(), note, wakeup, poll=3600):
        for _ in range(3):
            await hand_in(client, alice, 1)
            await all_done(plain)
    assert await plain.fetchval("SELECT count(*) FROM made") == 3


async def test_a_digestion_that_is_stopped_half_way_has_made_nothing(
    client: httpx.AsyncClient, alice: Person, plain: Plain, working: Working
) -> None:
    begun = asyncio.Event()

    async def never(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
        await note(transaction, owner, records)
        begun.set()
        await asyncio.sleep(3600)
        return Digested()

    await hand_in(client, alice, 10)
    async with working(never):
        await begun.wait()
    assert await plain.fetchval("SELECT count(*) FROM made") == 0
    async with working():
        await all_done(plain)
    assert await plain.fetchval("SELECT count(*) FROM made") == 10


WORKER = """
import asyncio, sys
from pydantic import SecretStr
from app.config.settings import Settings
from app.database.pools import open_database
from services.feed.wakeup import WakeupEvent
from services.ingest.digestion import Digestion
from tests.integration.ingest.test_digestion import slow

async def main():
    settings = Settings(_env_file=None, database_url=SecretStr(sys.argv[1]), secret_key=SecretStr("k" * 40))
    async with open_database(settings) as database:
        async with Digestion(database, settings.vault(), slow, WakeupEvent(), poll=0.01):
            print("working", flush=True)
            await asyncio.sleep(3600)

asyncio.run(main())
"""


AT_WORK = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'INSERT INTO made%'
      AND xact_start IS NOT NULL
)
"""


async def slow(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
    """Takes long enough to be killed in the middle."""
    for record in records:
        await note(transaction, owner, [record])
        await asyncio.sleep(0.002)
    return Digested()


async def test_workers_that_are_killed_in_the_middle_lose_and_double_nothing(
    client: httpx.AsyncClient,
    settings: Settings,
    alice: Person,
    bob: Person,
    plain: Plain,
    working: Working,
    tmp_path: Path,
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()

    async def start() -> ForkedProcess:
        process = FORKER.start([url], tmp_path, os.environ, code=WORKER, stdout=subprocess.PIPE, stderr=2)
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "working\n"
        return process

    for person in (alice, bob):
        await hand_in(client, person, 400)
    for _ in range(4):
        process = await start()
        before = await waiting(plain)
        if before:
            await until(lambda: plain.fetchval(AT_WORK))
        await asyncio.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        if not before:
            break
    async with working():
        await all_done(plain)
    assert await plain.fetchval("SELECT count(*) FROM made") == 800
    assert await plain.fetchval("SELECT count(DISTINCT record) FROM made") == 800
    assert await plain.fetchval("SELECT max(attempts) FROM ingest_records") == 0


async def test_a_worker_goes_on_when_its_connections_are_cut(
    client: httpx.AsyncClient, alice: Person, plain: Plain, working: Working, database: Database
) -> None:
    cut = 0

    async def cutting(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
        nonlocal cut
        digested = await note(transaction, owner, records)
        if cut < 3:
            cut += 1
            pid = await transaction.connection.exec_driver_sql("SELECT pg_backend_pid()")
            async with database.autocommit.acquire() as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid.scalar_one())
        return digested

    await hand_in(client, alice, 20)
    async with working(cutting):
        await all_done(plain)
    assert cut == 3
    assert await plain.fetchval("SELECT count(*) FROM made") == 20
    assert await plain.fetchval("SELECT max(attempts) FROM ingest_records") == 0
