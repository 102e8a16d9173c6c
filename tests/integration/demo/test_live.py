"""The live demo: every kind of event appears, in a demo alone, and nothing is left half when it stops."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from app.config.settings import Settings
from app.database.pools import connect_maintenance, open_database
from models.enums import PermissionDecision
from models.feed import recorded_text
from services.core.database import Database
from services.core.errors import BadInput, Conflict
from services.core.principal import Principal
from services.demo.live import AlreadyPlayed, DemoFleet, NotTheDemo, Pacing
from services.demo.live.places import Means, prepare, require_demo
from services.demo.live.removal import Kept, remove_old
from services.feed.wakeup import Wakeup
from services.instances.permission_requests import answer
from services.instances.permission_waits import PermissionWaits
from tests.support import small_demo
from tests.support.acting import VAULT, action
from tests.support.server import TestServer
from tests.support.waiting import until

LIVE = "(SELECT project_id FROM projects WHERE hold_permission_requests)"
"""The projects of the fleet's own."""

OF_LIVE = f"(SELECT id FROM cc_instances WHERE project_id IN {LIVE})"


@pytest.fixture
def database_url(embedded_postgres: TestServer) -> Iterator[str]:
    """A database that holds the demo."""
    template = embedded_postgres.template(small_demo.TEMPLATE, small_demo.fill)
    with embedded_postgres.clone(template) as url:
        yield url


@asynccontextmanager
async def fleet(settings: Settings, pacing: Pacing) -> AsyncIterator[tuple[DemoFleet, Database]]:
    async with open_database(settings) as opened, Wakeup("memory://") as wakeup:
        database = replace(opened, after_commit=wakeup.notify)
        async with PermissionWaits(database, wakeup.event(), 600) as waits:
            yield DemoFleet(database, partial(connect_maintenance, settings), VAULT, waits, pacing), database


async def rows(database: Database, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    async with database.primary.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(sql, *parameters)]


async def count(database: Database, table: str, condition: str = "true") -> int:
    ((found,),) = await rows(database, f"SELECT count(*) FROM {table} WHERE {condition}")
    return int(found)


async def nothing_is_open(database: Database) -> None:
    """Of what the fleet began, all has ended."""
    assert await count(database, "cc_instances", f"project_id IN {LIVE} AND status <> 'STOPPED'") == 0
    assert await count(database, "mcp_tool_calls", f"cc_instance_id IN {OF_LIVE} AND status = 'running'") == 0
    assert await count(database, "tasks", f"project_id IN {LIVE} AND status = 'RUNNING'") == 0
    assert (
        await count(database, "cc_permission_requests", f"cc_instance_id IN {OF_LIVE} AND decision IS NULL")
        == 0
    )
    open_messages = f"child_instance_id IN {OF_LIVE} AND status NOT IN ('completed', 'failed')"
    assert await count(database, "ultrathink_messages", open_messages) == 0
    of_sessions = f"session_id IN {OF_LIVE} AND status <> 'stopped'"
    assert await count(database, "sessions", of_sessions) == 0


async def _became(database: Database, table: str, column: str) -> set[str]:
    """The values that a column of a table was changed to, as its events tell."""
    value = recorded_text(table, column, "new")
    query = f"SELECT DISTINCT {value} FROM change_events WHERE table_name = '{table}' AND op = 'UPDATE'"
    return {found for (found,) in await rows(database, query)}


async def test_every_kind_of_event_appears_and_all_that_began_ends(settings: Settings) -> None:
    async with fleet(settings, Pacing(held=True, until=170)) as (played, database):
        await played.run()

        assert await _became(database, "cc_instances", "status") == {"RUNNING", "STOPPED", "ERROR"}
        assert await _became(database, "cc_instances", "activity") >= {
            *("WORKING", "WAITING_PERMISSION", "WAITING_ANSWER", "IDLE", "BACKGROUND", "RETRYING", "GONE")
        }
        assert await _became(database, "tasks", "status") >= {"RUNNING", "COMPLETED", "FAILED", "QUEUED"}
        assert await _became(database, "mcp_tool_calls", "status") >= {"completed", "failed"}
        assert await count(
            database, "change_events", "table_name = 'cc_permission_requests' AND op = 'INSERT'"
        )
        assert {
            decision
            for (decision,) in await rows(
                database,
                f"SELECT DISTINCT decision FROM cc_permission_requests WHERE cc_instance_id IN {OF_LIVE}",
            )
        } >= {"allow", "deny"}
        for table in ("cc_logs", "mcp_messages", "cc_usage", "git_worktrees"):
            assert await count(database, table, f"cc_instance_id IN {OF_LIVE}") > 5, table
        prompts = f"cc_instance_id IN {OF_LIVE} AND details ->> 'event' = 'prompt'"
        assert await count(database, "cc_logs", prompts) > 2
        assert await count(database, "cc_usage", f"project_id IN {LIVE} AND cost_micro_usd > 0") > 50
        assert await count(database, "file_operations", f"session_id IN {OF_LIVE}") > 5
        assert await count(database, "websocket_notifications", f"project_id IN {LIVE}") > 5
        assert (
            await count(
                database, "task_dependencies", f"task_id IN (SELECT id FROM tasks WHERE project_id IN {LIVE})"
            )
            > 3
        )
        assert (
            await count(
                database, "ultrathink_messages", f"child_instance_id IN {OF_LIVE} AND keyword_detected"
            )
            > 3
        )
        await nothing_is_open(database)
        assert await count(database, "cc_instances", "status IN ('IDLE', 'RUNNING')") == 0
        assert await count(database, "cc_permission_requests", "decision IS NULL") == 0


@pytest.fixture
def twin_url(embedded_postgres: TestServer, database_url: str) -> Iterator[str]:
    """A second database that holds the same."""
    with embedded_postgres.clone(small_demo.TEMPLATE) as url:
        yield url


async def test_the_same_seed_gives_the_same_course(settings: Settings, twin_url: str) -> None:
    courses = []
    for here in (settings, settings.model_copy(update={"database_url": SecretStr(twin_url)})):
        async with fleet(here, Pacing(held=True, until=25)) as (played, database):
            await played.run()
            courses.append(
                await rows(
                    database,
                    "SELECT tool_name, arguments ->> 'file_path', status FROM mcp_tool_calls"
                    f" WHERE cc_instance_id IN {OF_LIVE} ORDER BY started_at, id",
                )
            )
    assert len(courses[0]) > 5
    assert courses[0] == courses[1]


@pytest.mark.parametrize("seconds", [0.1, 0.6])
async def test_a_stop_in_the_middle_leaves_nothing_half(settings: Settings, seconds: float) -> None:
    async with fleet(settings, Pacing(speed=20)) as (played, database):
        playing = asyncio.create_task(played.run())
        await until(lambda: _some(database, "mcp_tool_calls", "status = 'running'"))
        await until(lambda: _more_than_three(database))
        await asyncio.sleep(seconds)  # anywhere in the middle
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing

        assert await _more_than_three(database)
        await nothing_is_open(database)


async def _more_than_three(database: Database) -> bool:
    return await count(database, "cc_instances", f"project_id IN {LIVE}") > 3


async def _some(database: Database, table: str, condition: str) -> bool:
    return await count(database, table, f"cc_instance_id IN {OF_LIVE} AND {condition}") > 0


async def test_a_person_answers_and_the_instance_goes_on(settings: Settings) -> None:
    """The fleet's own person takes some seconds here; the first whom the test is faster than is enough."""
    async with fleet(settings, Pacing(speed=6)) as (played, database):
        ((demo, name),) = await rows(database, "SELECT id, username FROM users WHERE username = 'demo'")
        person = Principal(demo, name, is_admin=False)
        playing = asyncio.create_task(played.run())
        said = "Not on a Friday"
        denied: list[Any] = []

        async def deny_one() -> bool:
            held = await rows(
                database,
                "SELECT id, cc_instance_id FROM cc_permission_requests"
                f" WHERE decision IS NULL AND held_until > now() AND user_id = {demo}",
            )
            for key, instance in held:
                with suppress(Conflict):  # the fleet's person was faster
                    await answer(action(database, person), key, PermissionDecision.DENY, said)
                    denied.append(instance)
                    return True
            return False

        await until(deny_one, seconds=150)
        await until(
            lambda: _some(
                database,
                "mcp_tool_calls",
                f"cc_instance_id = '{denied[0]}' AND result::text ~ 'not want|許可されなかった'",
            )
        )
        calls = await count(database, "mcp_tool_calls", f"cc_instance_id = '{denied[0]}'")
        await until(lambda: _more_calls(database, denied[0], calls))
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await nothing_is_open(database)


async def _more_calls(database: Database, instance: object, calls: int) -> bool:
    return await count(database, "mcp_tool_calls", f"cc_instance_id = '{instance}'") > calls


async def test_an_instance_that_a_person_ends_ends_its_session_and_the_next_begins(
    settings: Settings,
) -> None:
    async with fleet(settings, Pacing(speed=100)) as (played, database):
        playing = asyncio.create_task(played.run())
        await until(lambda: _some(database, "mcp_tool_calls", "status = 'running'"))
        async with database.transaction() as connection:
            await connection.exec_driver_sql(
                f"UPDATE cc_instances SET status = 'STOPPED' WHERE id IN {OF_LIVE}"
            )
        sessions = await count(database, "sessions", f"session_id IN {OF_LIVE}")
        await until(lambda: _more_sessions(database, sessions + 2))
        assert not playing.done()
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await nothing_is_open(database)


async def _more_sessions(database: Database, most: int) -> bool:
    return await count(database, "sessions", f"session_id IN {OF_LIVE}") > most


async def test_what_is_old_goes_and_nothing_of_the_year(settings: Settings) -> None:
    year = {
        table: f"{column} <= '2026-11-01'"
        for table, column in {
            **dict.fromkeys(
                ("cc_instances", "sessions", "tasks", "cc_logs", "task_logs", "system_logs"), "created_at"
            ),
            **{"mcp_messages": "created_at", "mcp_tool_calls": "started_at", "cc_usage": "requested_at"},
            **{"websocket_notifications": "sent_at", "ultrathink_messages": "sent_at"},
        }.items()
    }
    async with fleet(settings, Pacing(held=True, until=45)) as (played, database):
        before = {table: await count(database, table, condition) for table, condition in year.items()}
        await played.run()
        await played.run()
        demo = await require_demo(database)
        means = Means(database, VAULT, played.waits, played.pacing.now)
        places = await prepare(means, demo)

        await remove_old(means, places, demo.until, Kept(sessions=1, tasks=1, within=timedelta(0)))

        assert {table: await count(database, table, condition) for table, condition in year.items()} == before
        parents = await rows(
            database,
            "SELECT projects.project_id, count(*) FROM cc_instances JOIN projects USING (project_id)"
            f" WHERE project_id IN {LIVE} AND parent_instance_id IS NULL GROUP BY 1",
        )
        assert [number for _, number in parents] == [1] * 4
        assert await count(database, "sessions", "created_at > '2026-11-02'") == 4
        for table in ("cc_logs", "mcp_messages", "mcp_tool_calls", "cc_usage"):
            time = {"mcp_tool_calls": "started_at", "cc_usage": "requested_at"}.get(table, "created_at")
            of_others = f"{time} > '2026-11-02' AND cc_instance_id NOT IN {OF_LIVE}"
            assert await count(database, table, f"{time} > '2026-11-02' AND cc_instance_id IS NULL") == 0
            assert await count(database, table, of_others) == 0
            assert await count(database, table, f"cc_instance_id IN {OF_LIVE}") > 0, table
        ended = f"project_id IN {LIVE} AND status IN ('COMPLETED', 'FAILED')"
        assert await count(database, "tasks", ended) <= 4
        assert await count(database, "system_logs", "user_agent = 'ccgraph demo --live'") < 20
        assert await count(database, "websocket_notifications", f"project_id IN {LIVE}") == 0


async def test_a_second_one_does_not_move_the_same_fleet(settings: Settings) -> None:
    async with (
        fleet(settings, Pacing(speed=0.5)) as (first, database),
        fleet(settings, Pacing(held=True, until=1)) as (second, _),
    ):
        playing = asyncio.create_task(first.run())
        await until(lambda: _some(database, "cc_logs", "true"))
        with pytest.raises(AlreadyPlayed, match="Another process runs the live demo"):
            await second.run()
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await second.run()


@pytest.fixture
def empty_url(embedded_postgres: TestServer) -> Iterator[str]:
    """A migrated database without the demo."""
    with embedded_postgres.clone() as url:
        yield url


async def test_other_data_is_refused_and_stays_as_it_was(settings: Settings, empty_url: str) -> None:
    here = settings.model_copy(update={"database_url": SecretStr(empty_url)})
    async with fleet(here, Pacing(held=True, until=1)) as (played, database):
        with pytest.raises(NotTheDemo, match="a live demo runs on no other data"):
            await played.run()
        assert await count(database, "projects") == 0


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e6, float("nan")])
async def test_a_speed_that_is_none_is_refused(settings: Settings, speed: float) -> None:
    with pytest.raises(BadInput, match=r"Give a speed of 0\.01 to 1000"):
        async with fleet(settings, Pacing(speed=speed)):
            pass


async def test_a_project_that_a_person_archived_is_left_alone(settings: Settings) -> None:
    async with fleet(settings, Pacing(held=True, until=14)) as (played, database):
        await played.run()
        async with database.transaction() as connection:
            await connection.exec_driver_sql(
                "UPDATE projects SET status = 'archived', archived_at = now() WHERE id ="
                " (SELECT min(id) FROM projects WHERE hold_permission_requests)"
            )
        await played.run()

        sessions = await rows(
            database,
            f"SELECT count(*) FROM cc_instances WHERE project_id IN {LIVE} AND type = 'PARENT'"
            " GROUP BY project_id ORDER BY 1",
        )
        assert sessions == [(1,), (2,), (2,), (2,)]
