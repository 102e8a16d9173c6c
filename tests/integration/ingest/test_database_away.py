"""PostgreSQL stops and starts under the receivers: what was answered is there, the rest was refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.config.settings import Settings
from app.main import create_app
from tests.integration.ingest.conftest import make_person, send
from tests.support.restartable import RestartablePostgres, restartable_postgres
from tests.support.waiting import PATIENCE, until

HOOKS = "/ingest/claude-code/hooks"


@pytest.fixture(scope="module")
def stoppable(
    migrated_cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestartablePostgres]:
    """A server of this module's own."""
    with restartable_postgres(migrated_cluster, tmp_path_factory.mktemp("stoppable") / "data") as server:
        yield server


@pytest.fixture
def database_url(stoppable: RestartablePostgres) -> str:
    return stoppable.clone()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    created = create_app(settings)
    async with created.router.lifespan_context(created):
        yield created


@pytest.mark.parametrize("immediate", [False, True])
async def test_an_answer_means_stored_and_without_the_database_there_is_none(
    client: httpx.AsyncClient, app: Starlette, stoppable: RestartablePostgres, immediate: bool
) -> None:
    person = await make_person(app, "alice")
    taken: list[int] = []
    refused: list[httpx.Response] = []
    ended = False

    async def keep_sending(first: int) -> None:
        number = first
        while not ended:
            number += 10
            async with asyncio.timeout(PATIENCE):
                response = await send(client, person, HOOKS, {"hook_event_name": "Stop", "n": number})
            if response.status_code == 204:
                taken.append(number)
            else:
                refused.append(response)
                await asyncio.sleep(0.05)

    senders = [asyncio.create_task(keep_sending(first)) for first in range(8)]
    await until(lambda: len(taken) > 50)
    await stoppable.restart(immediate=immediate)
    before = len(taken)
    await until(lambda: len(taken) > before + 50)
    ended = True
    await asyncio.gather(*senders)

    assert refused
    assert {response.status_code for response in refused} == {503}
    assert all(int(response.headers["retry-after"]) > 0 for response in refused)
    assert all(response.json()["error"] for response in refused)
    rows = await app.state.database.primary.fetchval(
        "SELECT array_agg((body ->> 'n')::int) FROM ingest_records"
    )
    assert set(taken) <= set(rows)
