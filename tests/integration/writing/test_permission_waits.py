"""Claude Code that waits for an answer from here: it gets it, or is let go, and costs the others nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from models.enums import CcInstanceStatus, PermissionDecision
from services.core.database import Database
from services.core.errors import Conflict
from services.core.principal import Principal
from services.feed.wakeup import Wakeup
from services.instances import permission_waits
from services.instances.instances import InstanceMove, move
from services.instances.permission_requests import answer
from services.instances.permission_waits import GivenAnswer, PermissionWaits
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_permission_request
from tests.support.waiting import PATIENCE, until

SECRET = "ghp_" + "a1B2" * 9
ALLOW, DENY = PermissionDecision.ALLOW, PermissionDecision.DENY
RARELY = 3600.0
"""Seconds between two looks that nothing asked for: what comes was brought by a wake-up."""


@asynccontextmanager
async def waits_of(
    database: Database, seconds: float = PATIENCE, poll: float = RARELY
) -> AsyncIterator[tuple[Database, PermissionWaits]]:
    """A process in which requests are held, and its database."""
    async with Wakeup("memory://") as wakeup:
        woken = replace(database, after_commit=wakeup.notify)
        async with PermissionWaits(woken, wakeup.event(), seconds, poll=poll) as waits:
            yield woken, waits


async def execute(database: Database, sql: str, **values: Any) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text(sql), values)


async def opt_in(database: Database, scene: Scene) -> None:
    project = scene.project.project_id
    await execute(
        database, "UPDATE projects SET hold_permission_requests = true WHERE project_id = :id", id=project
    )


async def request(database: Database, scene: Scene, **given: Any) -> UUID:
    """A request in a session of the owner, as digestion stores it."""
    values = {"user_id": scene.owner.user_id, "held_until": None, "cc_instance_id": scene.instance_id}
    async with database.writer.begin() as connection:
        made = await make_permission_request(connection, **(values | given))
    key: UUID = made.id
    return key


async def stored(database: Database, key: UUID) -> Any:
    async with database.writer.connect() as connection:
        found = await connection.execute(
            text("SELECT * FROM cc_permission_requests WHERE id = :id"), {"id": key}
        )
        return found.one_or_none()


async def is_held(database: Database, key: UUID) -> bool:
    row = await stored(database, key)
    return row is not None and row.held_until is not None


def waiting(
    woken: Database, waits: PermissionWaits, who: Principal, key: UUID
) -> "asyncio.Task[GivenAnswer | None]":
    return asyncio.create_task(waits.wait_for_answer(action(woken, who), key))


async def test_the_answer_reaches_who_waits_though_the_request_was_stored_later(
    database: Database, scene: Scene
) -> None:
    await opt_in(database, scene)
    key = uuid4()
    async with waits_of(database) as (woken, waits):
        task = waiting(woken, waits, scene.owner, key)
        await until(lambda: waits.waiting == 1)
        await request(database, scene, id=key)
        woken.after_commit()
        await until(lambda: is_held(database, key))
        await answer(action(woken, scene.editor), key, DENY, f"not with {SECRET}")
        given = await task

    assert given is not None
    assert given.decision is DENY
    assert given.message is not None
    assert given.message.startswith("not with ")
    assert SECRET not in given.message
    row = await stored(database, key)
    assert (row.decision, row.answered_by) == ("deny", scene.editor.user_id)


async def test_where_no_project_holds_requests_none_is_kept_waiting(
    database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission_waits, "APPEARS_WITHIN", 3600)
    async with waits_of(database) as (woken, waits), asyncio.timeout(PATIENCE):
        assert await waits.wait_for_answer(action(woken, scene.owner), uuid4()) is None
        key = await request(database, scene)
        assert await waits.wait_for_answer(action(woken, scene.owner), key) is None
    assert not await is_held(database, key)


@pytest.mark.parametrize("why", ["another project", "archived", "another person", "never stored", "zero"])
async def test_what_is_not_to_be_held_is_let_go_at_once(
    database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(permission_waits, "APPEARS_WITHIN", 0.3)
    await opt_in(database, scene)
    key = await request(database, scene)
    person = scene.owner
    if why == "another project":
        await execute(
            database,
            "UPDATE projects SET hold_permission_requests = false WHERE project_id = :id",
            id=scene.project.project_id,
        )
        await execute(
            database,
            "INSERT INTO projects (name, owner_id, hold_permission_requests) VALUES ('other', :id, true)",
            id=person.user_id,
        )
    elif why == "archived":
        await execute(database, "UPDATE projects SET status = 'archived', archived_at = now()")
    elif why == "another person":
        person = scene.editor
    elif why == "never stored":
        await execute(database, "DELETE FROM cc_permission_requests")
    async with waits_of(database, 0 if why == "zero" else 3600) as (woken, waits), asyncio.timeout(PATIENCE):
        assert await waits.wait_for_answer(action(woken, person), key) is None
        assert waits.waiting == 0
    assert not await is_held(database, key)


async def test_after_its_time_a_request_is_not_held_and_not_answered(
    database: Database, scene: Scene
) -> None:
    await opt_in(database, scene)
    key = await request(database, scene)
    async with waits_of(database, 0.4) as (woken, waits):
        assert await waits.wait_for_answer(action(woken, scene.owner), key) is None
        assert not await is_held(database, key)
        with pytest.raises(Conflict, match="terminal"):
            await answer(action(woken, scene.owner), key, ALLOW)


async def test_an_answer_in_the_last_moment_is_given_or_refused_and_never_lost(
    database: Database, scene: Scene
) -> None:
    await opt_in(database, scene)
    async with waits_of(database, 0.2, poll=0.05) as (woken, waits):
        for delay in (*(0.1 + 0.006 * step for step in range(20)), 1.0):
            key = await request(database, scene)
            held = asyncio.Event()
            task = asyncio.create_task(waits.wait_for_answer(action(woken, scene.owner), key, held=held.set))
            await held.wait()
            await asyncio.sleep(delay)
            try:
                await answer(action(woken, scene.owner), key, ALLOW)
                answered = True
            except Conflict:
                answered = False
            assert (await task == GivenAnswer(ALLOW)) is answered
        assert not answered, "the last one came long after the end"


async def test_a_call_that_is_cancelled_holds_nothing(database: Database, scene: Scene) -> None:
    await opt_in(database, scene)
    key = await request(database, scene)
    async with waits_of(database) as (woken, waits):
        task = waiting(woken, waits, scene.owner, key)
        await until(lambda: is_held(database, key))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waits.waiting == 0

        async def let_go() -> bool:
            return not await is_held(database, key)

        await until(let_go)


@pytest.mark.parametrize("end", ["instance", "terminal", "server"])
async def test_who_waits_is_let_go_when_there_will_be_no_answer(
    database: Database, scene: Scene, end: str
) -> None:
    await opt_in(database, scene)
    key = await request(database, scene)
    async with waits_of(database) as (woken, waits):
        task = waiting(woken, waits, scene.owner, key)
        await until(lambda: is_held(database, key))
        if end == "instance":
            await move(action(woken, scene.owner), InstanceMove(scene.instance_id, CcInstanceStatus.STOPPED))
        elif end == "terminal":
            await execute(
                database, "UPDATE cc_permission_requests SET decision = 'allow', answered_at = now()"
            )
            woken.after_commit()
        else:
            waits.stop()
        assert await asyncio.wait_for(task, PATIENCE / 4) is None
    if end == "server":
        assert not await is_held(database, key)


async def test_one_person_leaves_places_for_the_others(
    database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission_waits, "MOST_WAITS_OF_A_PERSON", 3)
    monkeypatch.setattr(permission_waits, "MOST_WAITS", 5)
    await opt_in(database, scene)
    keys = [await request(database, scene) for _ in range(4)]
    of_editor = [await request(database, scene, user_id=scene.editor.user_id) for _ in range(3)]
    async with waits_of(database) as (woken, waits):
        tasks = [waiting(woken, waits, scene.owner, key) for key in keys[:3]]
        await until(lambda: waits.waiting == 3)
        assert await waits.wait_for_answer(action(woken, scene.owner), keys[3]) is None
        others = [waiting(woken, waits, scene.editor, key) for key in of_editor[:2]]
        await until(lambda: waits.waiting == 5)
        assert await waits.wait_for_answer(action(woken, scene.editor), of_editor[2]) is None
        await until(lambda: is_held(database, of_editor[0]))
        await answer(action(woken, scene.owner), of_editor[0], ALLOW)
        assert await others[0] == GivenAnswer(ALLOW)
        waits.stop()
        assert await asyncio.gather(*tasks, others[1]) == [None] * 4


async def test_many_who_wait_are_looked_for_in_one_statement(
    database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission_waits, "MOST_WAITS_OF_A_PERSON", 100)
    await opt_in(database, scene)
    keys = [await request(database, scene) for _ in range(40)]
    looks: list[int] = []
    fetch = asyncpg.Connection.fetch

    async def counted(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        if query == permission_waits._LOOK:
            looks.append(len(arguments[0]))
        return await fetch(self, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "fetch", counted)
    async with waits_of(database) as (woken, waits):
        tasks = [waiting(woken, waits, scene.owner, key) for key in keys]

        async def all_held() -> bool:
            return all([await is_held(database, key) for key in keys])

        async def none_looks() -> bool:
            before = len(looks)
            await asyncio.sleep(0.5)
            return len(looks) == before

        await until(all_held)
        await until(none_looks)  # while nothing happens
        before = len(looks)
        await answer(action(woken, scene.owner), keys[7], ALLOW)
        assert await tasks[7] == GivenAnswer(ALLOW)
        assert len(looks) - before <= 3
        assert looks[-1] >= 39
        waits.stop()
        await asyncio.gather(*tasks)


async def test_the_answer_comes_although_connections_break(database: Database, scene: Scene) -> None:
    await opt_in(database, scene)
    key = await request(database, scene)
    async with waits_of(database, poll=0.1) as (woken, waits):
        task = waiting(woken, waits, scene.owner, key)
        await until(lambda: is_held(database, key))
        async with database.writer.connect() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

        async def is_answered() -> bool:
            try:
                await answer(action(woken, scene.owner), key, ALLOW)
            except Exception as error:
                return isinstance(error, Conflict)
            return True

        await until(is_answered)
        assert await asyncio.wait_for(task, PATIENCE / 2) == GivenAnswer(ALLOW)
