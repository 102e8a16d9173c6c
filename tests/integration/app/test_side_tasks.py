"""Each side task of the server is killed: health tells, it comes back, and what it does goes on.

A side task that is new fails `test_there_is_no_side_task_without_a_test` until it is listed here.
"""

import asyncio
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.config.errors import StartupError
from app.config.settings import Settings
from app.main import create_app
from app.serving import Server
from services.core import background
from services.core.background import MOST_DEATHS, Supervisor
from services.core.retry import Backoff
from tests.support.graphql_ws import open_socket
from tests.support.staying_away import bring_back, keep_away
from tests.support.waiting import PATIENCE, until

SIDE_TASKS = [
    "agents-traffic",
    "backup",
    "delivery",
    "delivery-occurrences",
    "delivery-outcomes",
    "feed-reader",
    "feed-wakeup-broker",
    "feed-wakeup-listener",
    "feed-wakeup-publisher",
    "heartbeats",
    "ingest-digestion",
    "leases",
    "log-reader",
    "maintenance",
    "mcp-requests",
    "permission-waits",
    "replicas",
    "sent-notifications",
    "session-confirmer",
    "session-writer",
    "token-checker",
    "unused-api-calls",
    "unused-ingest-bytes",
    "unused-ingest-records",
    "websocket-delivery",
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a broker, whose connection is held by a side task, a replica, backups, and what delivers."""
    assert settings.database_url is not None
    same = SecretStr(settings.database_url.get_secret_value())
    more = {"broadcast_url": same, "database_read_url": same, "backup_every": 24.0, "worker": True}
    return settings.model_copy(update=more)


def kill(name: str) -> None:
    """Cancel the task, as no code of the product does."""
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == name]
    task.cancel()


async def die_again_and_again(name: str) -> None:
    """Kill each life of a side task, until it is not begun again."""

    def lives() -> bool:
        return any(task.get_name() == name and not task.cancelling() for task in asyncio.all_tasks())

    for _ in range(MOST_DEATHS):
        await until(lives)
        kill(name)


async def health(client: httpx.AsyncClient) -> tuple[int, Any]:
    response = await client.get("/healthz")
    return response.status_code, response.json().get("sideTasks")


async def test_there_is_no_side_task_without_a_test(app: Starlette) -> None:
    supervisor: Supervisor = app.state.supervisor
    assert supervisor.names == SIDE_TASKS


@pytest.mark.parametrize("name", SIDE_TASKS)
async def test_a_side_task_that_is_killed_is_told_of_and_comes_back(
    name: str, app: Starlette, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_away(monkeypatch)
    supervisor: Supervisor = app.state.supervisor
    assert await health(client) == (200, None)
    with capture_logs() as lines:
        kill(name)
        await until(lambda: supervisor.away == [name])
        assert await health(client) == (503, [name])
        await bring_back(supervisor)
    assert await health(client) == (200, None)
    told = [line["event"] for line in lines if line.get("task") == name]
    assert told == ["side_task_died", "side_task_back"]
    assert len([task for task in asyncio.all_tasks() if task.get_name() == name]) == 1


async def test_one_that_cannot_be_brought_back_stops_the_server_in_good_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "RESTART", Backoff(first=0.001, longest=0.001))
    server = Server(create_app(settings), settings)
    announced: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
    server.announce = lambda url: announced.set_result((url, asyncio.get_running_loop()))
    running = asyncio.create_task(asyncio.to_thread(server.run_until_stopped))
    url, loop = await asyncio.wrap_future(announced)
    async with open_socket("ws" + url.removeprefix("http")) as socket:
        dying = asyncio.run_coroutine_threadsafe(die_again_and_again("feed-reader"), loop)
        await asyncio.wrap_future(dying)
        assert (await socket.closed())[0] == 1012
    with pytest.raises(StartupError, match=f"feed-reader died {MOST_DEATHS} times .* start ccgraph again"):
        await asyncio.wait_for(running, PATIENCE)
