"""A change that is interrupted leaves nothing, and the same call again makes it once."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from services.core.database import Database
from services.core.database_errors import is_away
from services.core.errors import Conflict
from services.tasks import claims
from services.tasks.claims import Claim
from services.writing.creating import create_row
from services.writing.table_actions import update_row
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_instance, make_task
from tests.support.forked import FORKER
from tests.support.waiting import until

AUDITED = "SELECT count(*) FROM system_logs WHERE category = 'audit'"
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""

# A process that begins a change of several statements and is not given the time to commit it.
CHANGING = """
import asyncio, sys
from pydantic import SecretStr
from app.config.settings import Settings
from app.database.pools import open_database
from services.core.principal import Principal
from services.writing.rows import create
from tests.support.acting import action

async def main(url, user, project, key):
    async with open_database(Settings(_env_file=None, database_url=SecretStr(url))) as database:
        asked = action(database, Principal(int(user), "owner", False))
        async with asked.transaction() as transaction:
            given = {"id": key, "project_id": project, "name": "half", "task_type": "testing"}
            await create(transaction, "tasks", given)
            print("begun", flush=True)
            await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def locked(database: Database, sql: str, **parameters: Any) -> AsyncIterator[None]:
    """Hold what the statement locks until the block ends."""
    async with database.writer.begin() as connection:
        await connection.execute(text(sql), parameters)
        yield


async def cut(database: Database, work: Awaitable[object]) -> None:
    """Begin the work, which waits for a lock, and end the connection over which it is done."""
    doing = asyncio.ensure_future(work)
    pid = await waiting_for_a_lock(database)
    await database.primary.fetchval(f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(Exception, match=r"terminat|closed") as ending:
        await doing
    assert is_away(ending.value)


async def waiting_for_a_lock(database: Database) -> int:
    """The process of PostgreSQL that waits for one, once there is one."""
    found: list[int] = []

    async def waits() -> bool:
        pid: int | None = await database.primary.fetchval(WAITING)
        found.extend([] if pid is None else [pid])
        return bool(found)

    await until(waits)
    return found[0]


def a_task(scene: Scene, key: UUID) -> dict[str, object]:
    return {"id": key, "project_id": scene.project.project_id, "name": "n", "task_type": "testing"}


async def test_a_single_statement_that_is_cut_leaves_nothing_and_is_repeated(
    database: Database, scene: Scene
) -> None:
    key = uuid7()

    async def create() -> object:
        return await create_row(action(database, scene.owner), "tasks", a_task(scene, key))

    async with locked(database, "SELECT FROM projects FOR UPDATE"):
        await cut(database, create())

    assert await database.primary.fetchval("SELECT count(*) FROM tasks") == 0
    assert await database.primary.fetchval(AUDITED) == 0
    assert {*await asyncio.gather(create(), create())} == {key}
    assert await create() == key
    assert await database.primary.fetchval("SELECT count(*) FROM tasks") == 1


async def test_a_transaction_that_is_cut_leaves_nothing_and_is_repeated(
    database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        task = await make_task(connection, project_id=scene.project.project_id, name="before")

    async def rename() -> None:
        await update_row(action(database, scene.owner), "tasks", task.id, {"name": "after"})

    async with locked(database, "SELECT FROM tasks FOR UPDATE"):
        await cut(database, rename())

    assert await database.primary.fetchval("SELECT name FROM tasks") == "before"
    assert await database.primary.fetchval(AUDITED) == 0
    await rename()
    assert await database.primary.fetchval("SELECT name FROM tasks") == "after"
    assert await database.primary.fetchval(AUDITED) == 1


async def test_a_claim_that_is_cut_leaves_the_task_to_the_next(database: Database, scene: Scene) -> None:
    async with database.writer.begin() as connection:
        task = await make_task(connection, project_id=scene.project.project_id)
        other = (await make_instance(connection, project_id=scene.project.project_id)).id

    def claim(instance: UUID) -> Awaitable[UUID | None]:
        return claims.claim_next(action(database, scene.owner), Claim(instance))

    async with locked(database, "SELECT FROM cc_instances WHERE id = :id FOR UPDATE", id=scene.instance_id):
        await cut(database, claim(scene.instance_id))

    assert await database.primary.fetchval(AUDITED) == 0
    claimed = await asyncio.gather(claim(other), claim(scene.instance_id))
    assert {*claimed} == {task.id, None}
    assert await database.primary.fetchval(AUDITED) == 1


async def test_a_process_that_is_killed_in_a_transaction_leaves_nothing_half_done(
    database: Database, settings: Settings, scene: Scene, tmp_path: Path
) -> None:
    assert settings.database_url is not None
    key = uuid7()
    given = (scene.owner.user_id, scene.project.project_id, key)
    arguments = [settings.database_url.get_secret_value(), *map(str, given)]
    process = FORKER.start(arguments, tmp_path, os.environ, code=CHANGING, stdout=subprocess.PIPE, stderr=2)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "begun\n"
    waiting = asyncio.create_task(
        create_row(action(database, scene.owner), "tasks", {**a_task(scene, key), "name": "whole"})
    )  # of the same key: it waits for what becomes of the other
    await waiting_for_a_lock(database)

    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.communicate)

    assert await waiting == key
    assert await database.primary.fetchval("SELECT array_agg(name) FROM tasks") == ["whole"]
    assert await database.primary.fetchval(AUDITED) == 1


@pytest.mark.parametrize("error", [Conflict("no"), asyncio.CancelledError(), ZeroDivisionError()])
async def test_a_use_case_that_fails_leaves_neither_rows_nor_an_audit_row(
    database: Database, scene: Scene, error: BaseException
) -> None:
    async def fail(raise_it: Callable[[], None]) -> None:
        async with action(database, scene.owner).transaction() as transaction:
            await transaction.connection.execute(text("UPDATE projects SET name = 'half'"))
            raise_it()

    def raise_it() -> None:
        raise error

    with pytest.raises(type(error)):
        await fail(raise_it)

    assert await database.primary.fetchval("SELECT count(*) FROM projects WHERE name = 'half'") == 0
    assert await database.primary.fetchval(AUDITED) == 0
