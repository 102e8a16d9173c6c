"""Permissions that instances ask for: the first answer counts, by those who may give one."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.enums import CcActivity, CcInstanceStatus, PermissionDecision
from services.core.database import Database
from services.core.errors import Conflict
from services.instances.activities import Observed, note
from services.instances.heartbeats import mark_silent
from services.instances.instances import InstanceMove, move, terminate
from services.instances.permission_requests import PermissionRequest, answer, ask
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_mcp_tool_call, make_session

SECRET = "ghp_" + "a1B2" * 9
ANSWER = mutation("answerPermissionRequest", "ccPermissionRequest { decision message toolInput }")


async def asked(database: Database, scene: Scene, **given: Any) -> UUID:
    request = PermissionRequest(
        uuid4(), scene.instance_id, f"Bash {SECRET}", tool_input={"command": f"echo {SECRET}"}, **given
    )
    async with action(database, scene.owner).transaction() as transaction:
        assert await ask(transaction, request)
        assert not await ask(transaction, request)
    await hold(database, request.id)
    return request.id


async def two_calls(database: Database, scene: Scene) -> tuple[UUID, UUID]:
    """A tool call of the instance that has ended, and one that runs."""
    async with database.transaction() as connection:
        given = {"cc_instance_id": scene.instance_id, "tool_name": "Bash"}
        done = await make_mcp_tool_call(connection, **given, status="completed")
        running = await make_mcp_tool_call(connection, **given, status="running")
    return done.id, running.id


async def hold(database: Database, key: UUID, seconds: int | None = 60) -> None:
    """As an HTTP receiver does that waits for the answer."""
    async with database.writer.begin() as connection:
        await connection.execute(
            text(
                "UPDATE cc_permission_requests SET held_until = now() + INTERVAL '1 second' * :seconds"
                " WHERE id = :id"
            ),
            {"id": key, "seconds": seconds},
        )


async def stored(database: Database, table: str, key: UUID) -> Any:
    async with database.writer.connect() as connection:
        return (await connection.execute(text(f"SELECT * FROM {table} WHERE id = :id"), {"id": key})).one()


async def test_the_first_answer_counts_and_is_audited(database: Database, scene: Scene) -> None:
    key, caller = await asked(database, scene), Caller(database)

    given = {"id": str(key), "decision": "DENY", "message": f"not {SECRET}"}
    told = await caller.data(scene.editor, ANSWER, input=given)
    second = await caller.refusal(scene.owner, ANSWER, input={"id": str(key), "decision": "ALLOW"})

    assert second == ("CONFLICT", "input.id")
    row = told["answerPermissionRequest"]["ccPermissionRequest"]
    assert row["decision"] == "DENY"
    assert SECRET not in repr(row)
    kept = await stored(database, "cc_permission_requests", key)
    assert (kept.decision, kept.answered_by, kept.waited_ms >= 0) == ("deny", scene.editor.user_id, True)
    assert SECRET not in repr(kept)
    async with database.writer.connect() as connection:
        audited = await connection.execute(
            text("SELECT count(*) FROM system_logs WHERE details ->> 'key' = :key"), {"key": str(key)}
        )
        assert audited.scalar_one() == 1


async def test_of_two_answers_at_once_one_is_a_conflict(database: Database, scene: Scene) -> None:
    key = await asked(database, scene)
    outcomes = await asyncio.gather(
        *(
            answer(action(database, who), key, decision)
            for who, decision in zip(
                (scene.owner, scene.editor), (PermissionDecision.ALLOW, PermissionDecision.DENY), strict=True
            )
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"]


@pytest.mark.parametrize("seconds", [-1, None])
async def test_what_is_held_no_longer_is_not_answered_from_here(
    database: Database, scene: Scene, seconds: int | None
) -> None:
    key = await asked(database, scene)
    await hold(database, key, seconds)
    told = await Caller(database).response(scene.owner, ANSWER, input={"id": str(key), "decision": "ALLOW"})
    (error,) = told["errors"]
    assert error["extensions"]["code"] == "CONFLICT"
    assert "terminal" in error["message"]
    assert (await stored(database, "cc_permission_requests", key)).decision is None


@pytest.mark.parametrize(("who", "code"), [("viewer", "FORBIDDEN"), ("stranger", "NOT_FOUND")])
async def test_others_do_not_answer(database: Database, scene: Scene, who: str, code: str) -> None:
    key = await asked(database, scene)
    given = {"id": str(key), "decision": "ALLOW"}
    assert await Caller(database).refusal(getattr(scene, who), ANSWER, input=given) == (code, "input.id")
    assert (await stored(database, "cc_permission_requests", key)).decision is None


async def test_who_runs_the_session_answers(database: Database, scene: Scene) -> None:
    async with database.writer.begin() as connection:
        session = await make_session(connection, user_id=scene.stranger.user_id)
    key = await asked(database, scene, session_id=session.session_id)
    await answer(action(database, scene.stranger), key, PermissionDecision.ALLOW)
    assert (await stored(database, "cc_permission_requests", key)).answered_by == scene.stranger.user_id


@pytest.mark.parametrize("end", ["stop", "terminate"])
async def test_what_waits_lapses_when_its_instance_stops(database: Database, scene: Scene, end: str) -> None:
    key, owner = await asked(database, scene), action(database, scene.owner)
    done, running = await two_calls(database, scene)
    if end == "stop":
        await move(owner, InstanceMove(scene.instance_id, CcInstanceStatus.STOPPED))
    else:
        await terminate(owner, scene.instance_id)
    assert (await stored(database, "cc_permission_requests", key)).decision == "lapsed"
    assert (await stored(database, "mcp_tool_calls", done)).status == "completed"
    ended = await stored(database, "mcp_tool_calls", running)
    assert (ended.status, ended.error_details["interrupted"]) == ("failed", True)
    with pytest.raises(Conflict, match="lapsed"):
        await answer(owner, key, PermissionDecision.ALLOW)


async def test_an_instance_whose_activity_is_told_is_not_silent(database: Database, scene: Scene) -> None:
    owner = action(database, scene.owner)
    async with owner.transaction() as transaction:
        await note(transaction, scene.instance_id, Observed(CcActivity.IDLE, f"d {SECRET}", "m", SECRET, 140))
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE cc_instances SET last_heartbeat = now() - INTERVAL '9 days'"))
    async with database.upkeep() as connection:
        assert await mark_silent(connection, timedelta(seconds=90)) == []
    row = await stored(database, "cc_instances", scene.instance_id)
    assert (row.activity, row.context_used_percent, row.status) == ("IDLE", 100, "IDLE")
    assert SECRET not in repr(row)


async def test_what_an_instance_does_and_said_is_cut(database: Database, scene: Scene) -> None:
    async with action(database, scene.owner).transaction() as transaction:
        await note(
            transaction,
            scene.instance_id,
            Observed(CcActivity.WORKING, "東" * 20_000, "m" * 999, "x" * 20_000),
        )
    row = await stored(database, "cc_instances", scene.instance_id)
    assert [len(text) for text in (row.activity_detail, row.model, row.last_message)] == [10_000, 200, 10_000]


async def test_an_instance_that_is_gone_has_stopped(database: Database, scene: Scene) -> None:
    async with action(database, scene.owner).transaction() as transaction:
        await note(transaction, scene.instance_id, Observed(CcActivity.GONE))
    row = await stored(database, "cc_instances", scene.instance_id)
    assert (row.activity, row.status, row.terminated_at is not None) == ("GONE", "STOPPED", True)
