"""Usage of models: each request is one row, the same whatever order and parts it is told in."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.config.settings import Settings
from models.enums import UsageAsker
from models.model_prices import PARTS, SETTING
from services.core.database import Database
from services.usage.recording import RecordedUsage, Usage, record_usage
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import (
    AnyRow,
    make_instance,
    make_permission_request,
    make_session,
    make_usage,
)
from tests.support.maintaining import maintain

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
SECRET = "ghp_" + "a1B2" * 9


async def run_session(database: Database, scene: Scene) -> AnyRow:
    async with database.writer.begin() as connection:
        return await make_session(connection, user_id=scene.owner.user_id, project_id=scene.project.id)


async def stored(database: Database) -> list[dict[str, Any]]:
    async with database.writer.connect() as connection:
        found = await connection.execute(text("SELECT * FROM cc_usage ORDER BY id"))
        return [{**row, "created_at": None} for row in found.mappings()]


async def clear(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text("DELETE FROM cc_usage"))


def lines(session: UUID, instance: UUID) -> list[Usage]:
    """What several sources tell of three requests; none of them knows everything."""
    first = Usage(session, "req_1", AT, input_tokens=100, output_tokens=1, model="claude-sonnet-4-5")
    return [
        first,
        replace(first, output_tokens=40, cache_creation_5m_tokens=7, cc_instance_id=instance),
        replace(first, model="claude-sonnet-4-5-20250929", requested_at=AT - timedelta(seconds=2)),
        replace(first, input_tokens=101, output_tokens=0, duration_ms=900, asked_by=UsageAsker.MAIN),
        Usage(session, "req_2", AT, model="claude-opus-4-5", input_tokens=10, output_tokens=5),
        Usage(session, "req_2", AT, cost_micro_usd=4321, time_to_first_token_ms=12),
        Usage(session, "req_3", AT, model=f"nameless {SECRET}\0\ud800", output_tokens=2**40),
    ]


async def test_any_order_and_any_parts_give_the_same_rows(database: Database, scene: Scene) -> None:
    session = (await run_session(database, scene)).session_id
    told = lines(session, scene.instance_id)
    await record_usage(action(database, scene.owner), told)
    expected = await stored(database)

    for seed in range(25):
        await clear(database)
        chance = random.Random(seed)
        again = [*told, *told]
        chance.shuffle(again)
        while again:
            size = chance.randint(1, len(again))
            await record_usage(action(database, scene.owner), again[:size])
            again = again[size:]
        assert await stored(database) == expected

    first, second, third = ({row["request_id"]: row for row in expected}[f"req_{n}"] for n in (1, 2, 3))
    assert (first["input_tokens"], first["output_tokens"]) == (101, 40)
    assert first["model"] == "claude-sonnet-4-5-20250929"
    assert (first["cc_instance_id"], first["requested_at"]) == (scene.instance_id, AT - timedelta(seconds=2))
    assert first["project_id"] == scene.project.project_id
    assert (first["cost_micro_usd"], first["cost_is_estimated"]) == (
        101 * 3 + 40 * 15 + round(7 * 3.75),
        True,
    )
    assert (second["cost_micro_usd"], second["cost_is_estimated"]) == (4321, False)
    assert (third["cost_micro_usd"], third["output_tokens"]) == (None, 2**31 - 1)
    assert SECRET not in third["model"]


async def test_what_is_known_is_not_written_again(database: Database, scene: Scene) -> None:
    told = lines((await run_session(database, scene)).session_id, scene.instance_id)
    first = await record_usage(action(database, scene.owner), told)
    again = await record_usage(action(database, scene.owner), told)

    assert (first.written, again.written) == (3, 0)
    assert first.stored == again.stored


@pytest.mark.parametrize("who", ["editor", "viewer", "stranger"])
async def test_the_session_of_another_person_is_refused(database: Database, scene: Scene, who: str) -> None:
    told = lines((await run_session(database, scene)).session_id, scene.instance_id)
    await record_usage(action(database, scene.owner), told)
    before = await stored(database)

    more = [replace(one, input_tokens=9_999) for one in told]
    recorded = await record_usage(action(database, getattr(scene, who)), more)

    assert recorded == RecordedUsage(frozenset(), frozenset(one.key for one in told), 0)
    assert await stored(database) == before


async def test_a_subtree_tells_what_all_below_used_as_far_as_it_is_seen(
    database: Database, scene: Scene
) -> None:
    session = (await run_session(database, scene)).session_id
    parents, told = [scene.instance_id], []
    async with database.writer.begin() as connection:
        for _ in range(3):
            child = await make_instance(
                connection, project_id=scene.project.project_id, parent_instance_id=parents[-1]
            )
            parents.append(child.id)
    for place, instance in enumerate(parents):
        told.append(Usage(session, f"r{place}", AT, instance, cost_micro_usd=10, input_tokens=10**place))
    await record_usage(action(database, scene.owner), told)
    document = "{ ccInstances { nodes { id subtreeUsage { requests inputTokens costMicroUsd } } } }"

    for person in (scene.owner, scene.viewer, scene.administrator):
        answer = await Caller(database).data(person, document)
        found = {row["id"]: row["subtreeUsage"] for row in answer["ccInstances"]["nodes"]}
        for place, instance in enumerate(parents):
            below = range(place, len(parents))
            assert found[str(instance)] == {
                "requests": len(below),
                "inputTokens": str(sum(10**n for n in below)),
                "costMicroUsd": str(10 * len(below)),
            }
    stranger = await Caller(database).data(scene.stranger, document)
    assert stranger["ccInstances"]["nodes"] == []


async def test_what_is_past_its_retention_goes(settings: Settings, database: Database, scene: Scene) -> None:
    now = datetime.now(UTC)
    async with database.writer.begin() as connection:
        for days in (399, 401):
            old = now - timedelta(days=days)
            await make_usage(connection, cc_instance_id=scene.instance_id, requested_at=old)
        for days in (89, 91):
            old = now - timedelta(days=days)
            await make_permission_request(connection, cc_instance_id=scene.instance_id, asked_at=old)

    done = (await maintain(settings, database))["retention"].done
    assert done == {"cc_usage": 1, "cc_permission_requests": 1}

    assert [row["requested_at"] for row in await stored(database)] == [now - timedelta(days=399)]
    async with database.writer.connect() as connection:
        asked = await connection.execute(text("SELECT asked_at FROM cc_permission_requests"))
        assert asked.scalars().all() == [now - timedelta(days=89)]


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("claude-opus-4-5-20251101", 5),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 15),
        ("claude-opus-4-20250514", 15),
        ("claude-opus-4-0", 15),
        ("claude-sonnet-4-5[1m]", 3),
        ("claude-haiku-4-5-20251001", 1),
        ("claude-3-5-haiku-latest", 0.8),
        ("another-model", None),
    ],
)
async def test_a_cost_that_is_not_told_is_estimated_by_the_list_prices(
    database: Database, scene: Scene, model: str, dollars: float | None
) -> None:
    session = (await run_session(database, scene)).session_id
    told = [Usage(session, "r", AT, model=model, input_tokens=10**6)]
    await record_usage(action(database, scene.owner), told)
    (row,) = await stored(database)
    assert row["cost_micro_usd"] == (None if dollars is None else dollars * 10**6)
    assert row["cost_is_estimated"] == (dollars is not None)


async def test_an_administrator_changes_the_prices_and_nothing_that_is_none(
    database: Database, scene: Scene
) -> None:
    session = (await run_session(database, scene)).session_id
    price = {"model": "*", **dict.fromkeys(PARTS, 7_000_000)}
    caller = Caller(database)
    document = mutation("changeSystemSetting", "systemSetting { version }")
    given = {"settingKey": SETTING, "settingValue": [price], "version": 1}
    none: list[Any] = [{}, [{**price, "input": -1}], [{"model": "*"}], [price] * 201, [{**price, "x": 1}]]
    for wrong in none:
        refused = await caller.refusal(scene.administrator, document, input={**given, "settingValue": wrong})
        assert refused == ("BAD_USER_INPUT", "input.settingValue")
    await caller.data(scene.administrator, document, input=given)

    told = [Usage(session, "r", AT, model="any", input_tokens=10**6)]
    await record_usage(action(database, scene.owner), told)

    assert (await stored(database))[0]["cost_micro_usd"] == 7_000_000


async def test_usage_is_grouped_by_person_project_model_day_and_session(
    database: Database, scene: Scene
) -> None:
    session = (await run_session(database, scene)).session_id
    await record_usage(action(database, scene.owner), lines(session, scene.instance_id))
    document = """{ ccUsage { groups(by: [USER_ID, PROJECT_ID, SESSION_ID, MODEL, REQUESTED_AT_DAY]) {
        key { userId projectId sessionId model requestedAtDay } count
        sum { outputTokens costMicroUsd } } } }"""

    answer = await Caller(database).data(scene.viewer, document)

    groups = {group["key"]["model"]: group for group in answer["ccUsage"]["groups"]}
    assert len(groups) == 3
    opus = groups["claude-opus-4-5"]
    assert (opus["count"], opus["sum"]) == (1, {"outputTokens": "5", "costMicroUsd": "4321"})
    assert opus["key"]["userId"] == scene.owner.user_id
    assert opus["key"]["sessionId"] == str(session)
