"""Secrets are encrypted at rest, hashed where recognition is enough, and shown with a trace."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from services.core.database import Database
from services.secrets.vault import Vault
from services.writing.sealed_columns import rotate
from tests.integration.writing.asking import SECRET_KEY, Caller, mutation
from tests.integration.writing.conftest import Scene, World
from tests.integration.writing.test_verbs import step
from tests.support.everything import everything
from tests.support.maintaining import move

VARIABLES = {"API_KEY": "hunter2", "名前": "値"}


async def column(database: Database, sql: str) -> Any:
    async with database.writer.connect() as connection:
        return (await connection.execute(text(sql))).scalar_one()


async def set_variables(caller: Caller, scene: Scene) -> None:
    update = step("updateProject", "project { id }")
    patch = {"id": scene.project.id, "patch": {"environmentVars": VARIABLES}}
    await caller.data(scene.owner, update, input=patch)


async def test_environment_variables_are_stored_encrypted_and_revealed_to_the_owner_with_a_trace(
    caller: Caller, database: Database, scene: Scene
) -> None:
    reveal = step("revealProjectEnvironment", "environmentVars")
    given = {"id": scene.project.id}

    await set_variables(caller, scene)

    assert "hunter2" not in await column(database, "SELECT environment_vars::text FROM projects")
    assert "hunter2" not in await column(database, "SELECT string_agg(details::text, '') FROM system_logs")
    shown = await caller.data(scene.owner, reveal, input=given)
    assert shown["result"]["environmentVars"] == VARIABLES
    assert (await caller.refusal(scene.editor, reveal, input=given))[0] == "FORBIDDEN"
    assert (await caller.refusal(scene.stranger, reveal, input=given))[0] == "NOT_FOUND"
    traces = "SELECT count(*) FROM system_logs WHERE message = 'revealProjectEnvironment'"
    assert await column(database, traces) == 1


async def test_the_secret_of_a_webhook_is_encrypted_and_bounded(
    caller: Caller, database: Database, scene: Scene
) -> None:
    create = step("createNotificationSetting", "notificationSetting { id }")
    given = {"notificationType": "TASK_COMPLETED", "serviceType": "WEBHOOK", "webhookSecret": "hunter2"}

    made = await caller.data(scene.owner, create, input=given)

    assert "hunter2" not in await column(database, "SELECT webhook_secret FROM notification_settings")
    reveal = step("revealWebhookSecret", "webhookSecret")
    key = {"id": made["result"]["notificationSetting"]["id"]}
    assert (await caller.data(scene.owner, reveal, input=key))["result"]["webhookSecret"] == "hunter2"
    assert (await caller.refusal(scene.editor, reveal, input=key))[0] == "NOT_FOUND"
    long = {**given, "serviceType": "SLACK", "webhookSecret": "x" * 101}
    assert await caller.refusal(scene.owner, create, input=long) == (
        "BAD_USER_INPUT",
        "input.webhookSecret",
    )


async def test_the_configuration_of_a_service_is_encrypted_and_shown_to_its_person_alone(
    caller: Caller, database: Database, scene: Scene
) -> None:
    config = {"token": "xoxb-hunter2", "channel": "#builds"}
    create = step("createNotificationSetting", "notificationSetting { id }")
    given = {"notificationType": "TASK_COMPLETED", "serviceType": "SLACK", "serviceConfig": config}
    made = await caller.data(scene.owner, create, input=given)
    key = {"id": made["result"]["notificationSetting"]["id"]}
    reveal = step("revealServiceConfig", "serviceConfig")

    assert "hunter2" not in str(await everything(database))
    assert (await caller.data(scene.owner, reveal, input=key))["result"]["serviceConfig"] == config
    assert (await caller.refusal(scene.editor, reveal, input=key))[0] == "NOT_FOUND"

    update = step("updateNotificationSetting", "notificationSetting { id }")
    changed = {**config, "token": "xoxb-hunter3"}
    await caller.data(scene.owner, update, input={**key, "patch": {"serviceConfig": changed}})
    assert "hunter3" not in str(await everything(database))
    assert (await caller.data(scene.owner, reveal, input=key))["result"]["serviceConfig"] == changed
    url = "https://hooks.slack.com/services/T0/B0/hunter4"
    open_url = {**given, "serviceType": "DISCORD", "webhookUrl": url}
    assert await caller.refusal(scene.owner, create, input=open_url) == ("BAD_USER_INPUT", "input.webhookUrl")
    patch = {**key, "patch": {"webhookUrl": url}}
    assert await caller.refusal(scene.owner, update, input=patch) == (
        "BAD_USER_INPUT",
        "input.patch.webhookUrl",
    )
    wrong = {**key, "patch": {"serviceConfig": {"token": 1}}}
    assert await caller.refusal(scene.owner, update, input=wrong) == (
        "BAD_USER_INPUT",
        "input.patch.serviceConfig",
    )


OTHERS = {
    "webhookHeaders": ("WEBHOOK", "revealWebhookHeaders", {"Authorization": "{}"}, {"X-A": 1}),
    "pushSubscription": (
        "WEB_PUSH",
        "revealPushSubscription",
        {"endpoint": "https://8.8.8.8/p/{}", "expirationTime": None, "keys": {"auth": "{}"}},
        ["a list"],
    ),
}
"""By field: the service, what reveals it, a value with a secret in it, and what is refused."""


@pytest.mark.parametrize("field", OTHERS)
async def test_what_else_lets_others_write_to_a_person_is_encrypted_and_shown_to_that_person_alone(
    field: str, caller: Caller, database: Database, scene: Scene
) -> None:
    service, reveals, form, wrong = OTHERS[field]

    def value(secret: str) -> Any:
        return json.loads(json.dumps(form).replace("{}", secret))

    create = step("createNotificationSetting", "notificationSetting { id }")
    given = {"notificationType": "TASK_COMPLETED", "serviceType": service, field: value("hunter2")}
    made = await caller.data(scene.owner, create, input=given)
    key = {"id": made["result"]["notificationSetting"]["id"]}
    reveal = step(reveals, field)

    assert "hunter2" not in str(await everything(database))
    assert (await caller.data(scene.owner, reveal, input=key))["result"][field] == value("hunter2")
    assert (await caller.refusal(scene.editor, reveal, input=key))[0] == "NOT_FOUND"

    update = step("updateNotificationSetting", "notificationSetting { id }")
    await caller.data(scene.owner, update, input={**key, "patch": {field: value("hunter3")}})
    assert "hunter3" not in str(await everything(database))
    assert (await caller.data(scene.owner, reveal, input=key))["result"][field] == value("hunter3")
    refused = {**key, "patch": {field: wrong}}
    assert await caller.refusal(scene.owner, update, input=refused) == (
        "BAD_USER_INPUT",
        f"input.patch.{field}",
    )
    await caller.data(scene.owner, update, input={**key, "patch": {field: None}})
    assert (await caller.data(scene.owner, reveal, input=key))["result"][field] is None


async def test_an_api_key_is_stored_as_a_keyed_hash(caller: Caller, database: Database, scene: Scene) -> None:
    update = step("updateCcInstance", "ccInstance { id }")
    patch = {"claudeApiKey": "an api key", "environmentVars": {"A": "hunter2"}}

    await caller.data(scene.editor, update, input={"id": scene.instance_id, "patch": patch})

    stored = await column(database, "SELECT claude_api_key_hash FROM cc_instances")
    assert stored == Vault.of(SECRET_KEY).fingerprint("an api key")
    reveal = step("revealCcInstanceEnvironment", "environmentVars")
    shown = await caller.data(scene.editor, reveal, input={"id": scene.instance_id})
    assert shown["result"]["environmentVars"] == {"A": "hunter2"}


DATA = {
    "repository": "git://東京",
    "env": {"API_KEY": "hunter2"},
    "steps": [{"run": "login --token hunter2"}],
}
SHOWN = {
    "repository": "git://東京",
    "env": {"API_KEY": "[masked]"},
    "steps": [{"run": "login --token [masked]"}],
}


async def test_sensitive_parts_of_a_tasks_data_are_sealed_and_shown_to_editors_with_a_trace(
    caller: Caller, database: Database, scene: Scene
) -> None:
    given = {
        "projectId": scene.project.project_id,
        "name": "t",
        "taskType": "TESTING",
        "inputData": DATA,
        "assignedToId": scene.instance_id,
    }
    made = await caller.data(scene.editor, mutation("createTask", "task { id inputData }"), input=given)
    task = made["createTask"]["task"]
    holder = {"taskId": task["id"], "ccInstanceId": scene.instance_id}
    await caller.data(scene.editor, mutation("claimTask"), input=holder)
    done = await caller.data(
        scene.editor,
        mutation("completeTask", "task { outputData }"),
        input={**holder, "outputData": {"n": 1, "cookie": "hunter2"}, "message": "used password=hunter2"},
    )
    key = {"id": task["id"]}
    reveal = mutation("revealTaskData", "inputData outputData")

    assert task["inputData"] == SHOWN
    assert done["completeTask"]["task"]["outputData"] == {"n": 1, "cookie": "[masked]"}
    seen = await caller.data(scene.viewer, "{ tasks { nodes { inputData outputData } } }")
    assert seen["tasks"]["nodes"][0]["inputData"] == SHOWN
    assert "hunter2" not in str(await everything(database))
    assert (await caller.data(scene.editor, reveal, input=key))["revealTaskData"] == {
        "inputData": DATA,
        "outputData": {"n": 1, "cookie": "hunter2"},
    }
    assert (await caller.refusal(scene.viewer, reveal, input=key))[0] == "FORBIDDEN"
    assert (await caller.refusal(scene.stranger, reveal, input=key))[0] == "NOT_FOUND"
    traces = "SELECT count(*) FROM system_logs WHERE message = 'revealTaskData'"
    assert await column(database, traces) == 1


async def test_other_data_of_a_task_takes_the_sensitive_parts_along(
    caller: Caller, database: Database, world: World
) -> None:
    scene = world.scene
    child = {
        "parentInstanceId": scene.instance_id,
        "instance": {"name": "c"},
        "task": {"name": "t", "taskType": "TESTING", "inputData": DATA},
    }
    made = await caller.data(scene.owner, mutation("createChildCc", "task { id }"), input=child)
    key = made["createChildCc"]["task"]["id"]
    update = mutation("updateTask", "task { inputData }")

    for data in ({"n": 2}, DATA, None, "password=hunter2", ["--secret", "hunter2"], "x"):
        await caller.data(scene.owner, update, input={"id": key, "patch": {"inputData": data}})
        shown = await caller.data(scene.owner, mutation("revealTaskData", "inputData"), input={"id": key})
        assert shown["revealTaskData"]["inputData"] == data
        assert "hunter2" not in str(await everything(database))


async def test_a_repeated_create_with_another_secret_is_a_conflict(
    caller: Caller, database: Database, scene: Scene
) -> None:
    key = scene.project.project_id
    task = {"id": uuid7(), "projectId": key, "name": "t", "taskType": "TESTING", "inputData": DATA}
    other = {**DATA, "env": {"API_KEY": "hunter3"}}
    instance = {"id": uuid7(), "projectId": key, "name": "c", "type": "PARENT"}
    cases: list[tuple[str, dict[str, Any], list[dict[str, Any]], str]] = [
        (
            "createProject",
            {"projectId": uuid7(), "name": "p", "environmentVars": VARIABLES},
            [{"environmentVars": {**VARIABLES, "API_KEY": "hunter3"}}, {"environmentVars": None}],
            "input.projectId",
        ),
        (
            "createCcInstance",
            {**instance, "environmentVars": VARIABLES, "claudeApiKey": "an api key"},
            [{"environmentVars": {}}, {"claudeApiKey": "another"}],
            "input.id",
        ),
        ("createTask", task, [{"inputData": other}, {"inputData": SHOWN}], "input.id"),
    ]
    for field, given, others, place in cases:
        document = mutation(field)
        await caller.data(scene.owner, document, input=given)
        before = await everything(database)

        await caller.data(scene.owner, document, input=given)
        for changed in others:
            found = await caller.refusal(scene.owner, document, input={**given, **changed})
            assert found == ("CONFLICT", place), (field, changed)

        after = await everything(database)
        assert {**after, "system_logs": None} == {**before, "system_logs": None}


async def test_who_only_sees_a_row_cannot_find_its_secret_by_repeating_its_creation(
    caller: Caller, scene: Scene
) -> None:
    given = {
        **{"id": uuid7(), "projectId": scene.project.project_id, "name": "t", "taskType": "TESTING"},
        "inputData": DATA,
    }
    document = mutation("createTask")
    await caller.data(scene.owner, document, input=given)

    assert (await caller.refusal(scene.viewer, document, input=given))[0] == "CONFLICT"
    await caller.data(scene.editor, document, input=given)


async def test_rotation_reaches_archived_projects_and_tasks(
    caller: Caller, database: Database, scene: Scene
) -> None:
    await set_variables(caller, scene)
    patch = {"environmentVars": VARIABLES}
    instance, project = {"id": scene.instance_id}, {"id": scene.project.id}
    await caller.data(scene.owner, mutation("updateCcInstance"), input={**instance, "patch": patch})
    given = {"projectId": scene.project.project_id, "name": "t", "taskType": "TESTING", "inputData": DATA}
    made = await caller.data(scene.owner, mutation("createTask", "task { id }"), input=given)
    await caller.data(scene.owner, mutation("archiveProject"), input=project)
    await move(database, scene.project.project_id)
    old, new = {"server": SECRET_KEY}, {"2026": "n" * 32}

    assert await rotate(database, Vault.of(SECRET_KEY, {**new, **old})) == 3
    assert await rotate(database, Vault.of(SECRET_KEY, {**new, **old})) == 0

    await caller.data(scene.owner, mutation("restoreProject"), input=project)
    afterwards = Caller(database, Vault.of("another key of the server", new))
    shown = [
        await afterwards.data(scene.owner, mutation(name, "environmentVars"), input=key)
        for name, key in (("revealProjectEnvironment", project), ("revealCcInstanceEnvironment", instance))
    ]
    assert [found["environmentVars"] for answer in shown for found in answer.values()] == [VARIABLES] * 2
    reveal = mutation("revealTaskData", "inputData")
    task = await afterwards.data(scene.owner, reveal, input={"id": made["createTask"]["task"]["id"]})
    assert task["revealTaskData"]["inputData"] == DATA


async def test_rotation_seals_everything_with_the_new_key_once(
    caller: Caller, database: Database, scene: Scene
) -> None:
    await set_variables(caller, scene)
    vault = Vault.of(SECRET_KEY, {"2026": "n" * 32, "server": SECRET_KEY})

    assert await rotate(database, vault) == 1
    assert await rotate(database, vault) == 0

    stored = await column(database, "SELECT environment_vars ->> 'sealed' FROM projects")
    assert vault.is_current(stored)
    newest = Vault.of(SECRET_KEY, {"2026": "n" * 32})
    assert newest.open(stored, "projects.environment_vars") == VARIABLES
