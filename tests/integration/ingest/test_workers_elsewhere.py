"""A server without a worker, and a worker that hears over the broker of what the server stores."""

from collections.abc import Sequence

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from app.config.settings import Settings
from services.feed.wakeup import Wakeup
from services.fleet.records import Digested, RawRecord
from services.ingest.digestion import Digestion
from services.writing.action import Transaction
from tests.integration.ingest.conftest import Person, send
from tests.support.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"broadcast_url": settings.database_url})


async def test_a_worker_elsewhere_hears_at_once_of_what_a_server_stored(
    client: httpx.AsyncClient,
    app: Starlette,
    alice: Person,
    plain: "asyncpg.Connection[asyncpg.Record]",
    settings: Settings,
) -> None:
    seen: list[str] = []

    async def note(transaction: Transaction, owner: int, records: Sequence[RawRecord]) -> Digested:
        seen.extend(record.body["session_id"] for record in records)
        return Digested(0, ())

    async def none_waits() -> bool:
        return not await plain.fetchval("SELECT count(*) FROM ingest_records WHERE digested_at IS NULL")

    async with (
        Wakeup(settings.broadcast_url.get_secret_value()) as wakeup,
        Digestion(app.state.database, settings.vault(), note, wakeup.event(), poll=3600),
    ):
        for number in range(1, 4):
            hook = {"hook_event_name": "Stop", "session_id": f"session {number}"}
            assert (await send(client, alice, "/ingest/claude-code/hooks", hook)).status_code == 204
            await until(none_waits)
    assert seen == ["session 1", "session 2", "session 3"]
