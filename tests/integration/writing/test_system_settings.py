"""Settings keep their versions: nobody overwrites a change that they have not seen (decision 30)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.factories import AnyRow, make_system_setting

CHANGE = """mutation($input: ChangeSystemSettingInput!) {
  changeSystemSetting(input: $input) {
    systemSetting { settingValue version previousValue updatedBy { id } }
  }
}"""
PATCH = """mutation($id: Int!, $patch: SystemSettingPatch!) {
  updateSystemSetting(input: {id: $id, patch: $patch}) {
    systemSetting { settingValue version previousValue updatedBy { id } }
  }
}"""


async def setting(database: Database, **values: Any) -> AnyRow:
    async with database.writer.begin() as connection:
        return await make_system_setting(connection, **values)


async def stored(database: Database, made: AnyRow) -> AnyRow:
    async with database.writer.connect() as connection:
        result = await connection.execute(
            text("SELECT version, setting_value, previous_value FROM system_settings WHERE id = :id"),
            {"id": made.id},
        )
        return result.one()


async def test_a_change_raises_the_version_and_keeps_the_previous_value(
    database: Database, scene: Scene, caller: Caller
) -> None:
    made = await setting(database)
    wanted = {"settingKey": made.setting_key, "settingValue": 11, "version": 1}

    changed = await caller.data(scene.administrator, CHANGE, input=wanted)
    patched = await caller.data(scene.administrator, PATCH, id=made.id, patch={"settingValue": 12})

    by = {"id": scene.administrator.user_id}
    assert changed["changeSystemSetting"]["systemSetting"] == {
        "settingValue": 11,
        "version": 2,
        "previousValue": 10,
        "updatedBy": by,
    }
    assert patched["updateSystemSetting"]["systemSetting"] == {
        "settingValue": 12,
        "version": 3,
        "previousValue": 11,
        "updatedBy": by,
    }


async def test_of_many_writers_with_one_version_exactly_one_wins(
    database: Database, scene: Scene, caller: Caller
) -> None:
    made = await setting(database)

    responses = await asyncio.gather(
        *(
            caller.response(
                scene.administrator,
                CHANGE,
                input={"settingKey": made.setting_key, "settingValue": number, "version": 1},
            )
            for number in range(10)
        )
    )

    errors = [error["extensions"] for response in responses for error in response.get("errors", ())]
    assert [(error["code"], error["field"], error["version"]) for error in errors] == [
        ("CONFLICT", "input.version", 2)
    ] * 9
    assert (await stored(database, made)).version == 2


@pytest.mark.parametrize(
    ("data_type", "value", "wrong"),
    [
        ("string", "a", 1),
        ("number", 1.5, True),
        ("boolean", True, "true"),
        ("array", [1], {"a": 1}),
    ],
)
async def test_a_value_matches_its_data_type(
    database: Database, scene: Scene, caller: Caller, data_type: str, value: object, wrong: object
) -> None:
    made = await setting(database, data_type=data_type, setting_value=value)
    before = await stored(database, made)

    refused = await caller.refusal(
        scene.administrator,
        CHANGE,
        input={"settingKey": made.setting_key, "settingValue": wrong, "version": 1},
    )
    patched = await caller.refusal(scene.administrator, PATCH, id=made.id, patch={"settingValue": wrong})

    assert refused == ("BAD_USER_INPUT", "input.settingValue")
    assert patched == ("BAD_USER_INPUT", "input.patch.settingValue")
    assert await stored(database, made) == before


async def test_a_readonly_setting_and_people_who_are_no_administrators_change_nothing(
    database: Database, scene: Scene, caller: Caller
) -> None:
    readonly = await setting(database, is_readonly=True)
    public, secret = await setting(database, is_public=True), await setting(database)

    def wanted(made: AnyRow) -> dict[str, object]:
        return {"settingKey": made.setting_key, "settingValue": 11, "version": 1}

    refusals = [
        await caller.refusal(scene.administrator, CHANGE, input=wanted(readonly)),
        await caller.refusal(scene.owner, CHANGE, input=wanted(public)),
        await caller.refusal(scene.owner, CHANGE, input=wanted(secret)),
        await caller.refusal(scene.administrator, CHANGE, input=wanted(secret) | {"settingKey": "no.such"}),
    ]

    key = {"id": readonly.id}
    some = {"where": {"id": {"eq": readonly.id}}}
    assert await caller.refusal(scene.administrator, mutation("deleteSystemSetting"), input=key) == (
        "CONFLICT",
        "input.id",
    )
    assert await caller.refusal(scene.administrator, mutation("deleteSystemSettings"), input=some) == (
        "CONFLICT",
        "input.id",
    )
    assert refusals == [
        ("CONFLICT", "input"),
        ("FORBIDDEN", "input.settingKey"),
        ("NOT_FOUND", "input.settingKey"),
        ("NOT_FOUND", "input.settingKey"),
    ]
    assert {(await stored(database, made)).version for made in (readonly, public, secret)} == {1}


@pytest.mark.parametrize("key", ["retention.cc_logs_days", "retention.mcp_payload_characters"])
@pytest.mark.parametrize("value", [-1, 0.5, 10**10, 1e308, "x", True, {}], ids=repr)
async def test_a_retention_that_would_remove_what_is_new_or_stop_maintenance_is_refused(
    database: Database, scene: Scene, caller: Caller, key: str, value: object
) -> None:
    async with database.writer.connect() as connection:
        result = await connection.execute(
            text("SELECT id, version FROM system_settings WHERE setting_key = :key"), {"key": key}
        )
        row = result.one()
    kinds = {str: "STRING", bool: "BOOLEAN", dict: "JSON"}
    patch = {"settingValue": value, "dataType": kinds.get(type(value), "NUMBER")}
    wanted = {"settingKey": key, "settingValue": value, "version": row.version}

    assert await caller.refusal(scene.administrator, PATCH, id=row.id, patch=patch) == (
        "BAD_USER_INPUT",
        "input.patch.settingValue",
    )
    assert await caller.refusal(scene.administrator, CHANGE, input=wanted) == (
        "BAD_USER_INPUT",
        "input.settingValue",
    )
    fitting = wanted | {"settingValue": 40}
    assert (await caller.data(scene.administrator, CHANGE, input=fitting))["changeSystemSetting"]
