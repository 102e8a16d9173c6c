"""Secrets are encrypted at rest, hashed where recognition is enough, and shown with a trace."""

from typing import Any

from sqlalchemy import text

from services.database import Database
from services.secrets.columns import rotate
from services.secrets.vault import Vault
from tests.integration.writing.asking import SECRET_KEY, Caller
from tests.integration.writing.conftest import Scene
from tests.integration.writing.test_verbs import step

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


async def test_an_api_key_is_stored_as_a_keyed_hash(caller: Caller, database: Database, scene: Scene) -> None:
    update = step("updateCcInstance", "ccInstance { id }")
    patch = {"claudeApiKey": "an api key", "environmentVars": {"A": "hunter2"}}

    await caller.data(scene.editor, update, input={"id": scene.instance_id, "patch": patch})

    stored = await column(database, "SELECT claude_api_key_hash FROM cc_instances")
    assert stored == Vault.of(SECRET_KEY).fingerprint("an api key")
    reveal = step("revealCcInstanceEnvironment", "environmentVars")
    shown = await caller.data(scene.editor, reveal, input={"id": scene.instance_id})
    assert shown["result"]["environmentVars"] == {"A": "hunter2"}


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
