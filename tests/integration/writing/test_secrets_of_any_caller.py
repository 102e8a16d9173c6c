"""No caller of `services.writing` stores a secret in clear, by whichever verb; each is sealed anew."""

from collections.abc import Mapping
from typing import Any

import pytest

from models import metadata
from services.core.database import Database
from services.core.errors import BadInput
from services.core.principal import Principal
from services.secrets.vault import NoVault, Vault
from services.writing.action import Transaction
from services.writing.appending import append
from services.writing.creating import create_row
from services.writing.declaration import WritableTable
from services.writing.rows import Key, create, stored_values, update
from services.writing.sealed_columns import rotate, sealed_columns
from services.writing.tables import TABLES
from services.writing.values import parameters
from tests.integration.writing.asking import SECRET_KEY
from tests.integration.writing.conftest import BY_ADMINISTRATORS, World
from tests.integration.writing.test_audit import SECRET, with_secrets
from tests.support.acting import action, inside
from tests.support.everything import everything
from tests.support.maintaining import move

NEW = {"2026": "n" * 32}

WITH_SECRETS = [
    (table.name, column.name)
    for table in TABLES.values()
    for column in table.columns.values()
    if column.on_create and (column.is_secret or column.secrets is not None)
]
"""What is sealed, divided or hashed."""

WITHOUT_ROOM = ("task_dependencies", "collaboration_sessions")
"""Tables in which callers write nothing but keys, figures and closed lists."""


def writer(table: WritableTable, world: World) -> Principal:
    return world.scene.administrator if table.name in BY_ADMINISTRATORS else world.scene.owner


def patch_of(table: WritableTable, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: row[name]
        for name, column in table.columns.items()
        if column.on_update and name in row and name != "status"
    }


async def stored(transaction: Transaction, table: WritableTable, row: Mapping[str, Any]) -> Key:
    """The key of a row that is appended, or created."""
    if table.append_only:
        return (await append(transaction, table.name, [row]))[0]
    return await create(transaction, table.name, row)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in WITHOUT_ROOM])
async def test_no_verb_stores_a_secret_in_clear(database: Database, world: World, name: str) -> None:
    table = TABLES[name]
    row = with_secrets(table, world[name])
    assert SECRET in str(row)
    who = writer(table, world)

    async with database.transaction() as connection:
        transaction = inside(connection, who)
        key = await stored(transaction, table, row)
        if not table.append_only:
            await update(transaction, name, key, patch_of(table, row))
    if table.before_create is None and not table.append_only and table.client_key is not None:
        again = {key: value for key, value in row.items() if key != table.client_key.name}
        assert await create_row(action(database, who), name, again)

    assert SECRET not in str(await everything(database))


@pytest.mark.parametrize(("name", "column"), WITH_SECRETS)
async def test_without_a_vault_nothing_is_made_of_a_secret_that_could_be_stored(
    world: World, name: str, column: str
) -> None:
    table = TABLES[name]
    given = {column: with_secrets(table, world[name])[column]}

    with pytest.raises(NoVault, match=f"{name}.{column} is encrypted at rest"):
        await parameters(table, given, "input")
    with pytest.raises(NoVault):
        await stored_values(writer(table, world), table, {**world[name], **given}, "input")


@pytest.mark.parametrize("parts", ["input_secrets", "output_secrets"])
async def test_the_sealed_parts_themselves_are_not_given(
    database: Database, world: World, parts: str
) -> None:
    async with database.transaction() as connection:
        transaction = inside(connection, world.scene.owner)
        key = await create(transaction, "tasks", world["tasks"])

        with pytest.raises(BadInput, match="The server keeps this itself"):
            await create(transaction, "tasks", {**world["tasks"], parts: SECRET})
        with pytest.raises(BadInput, match="The server keeps this itself"):
            await update(transaction, "tasks", key, {parts: SECRET})


async def test_a_column_that_is_fixed_does_not_change_whoever_calls(database: Database, world: World) -> None:
    async with database.transaction() as connection:
        transaction = inside(connection, world.scene.owner)
        key = await create(transaction, "tasks", world["tasks"])

        with pytest.raises(BadInput, match="does not change once the row is there") as refusal:
            await update(transaction, "tasks", key, {"project_id": None})

    assert refusal.value.field == "input.patch.projectId"


async def test_rotation_reaches_every_sealed_column_also_in_the_archive(
    database: Database, world: World
) -> None:
    async with database.transaction() as connection:
        for name in {name for name, _ in WITH_SECRETS} - {"projects"}:
            table = TABLES[name]
            transaction = inside(connection, writer(table, world))
            await stored(transaction, table, with_secrets(table, world[name]))
        project = with_secrets(TABLES["projects"], world["projects"])
        patch = {"environment_vars": project["environment_vars"]}
        await update(inside(connection, world.scene.owner), "projects", world.scene.project.id, patch)
    newer = Vault.of(SECRET_KEY, {**NEW, "server": SECRET_KEY})

    first = await sealed_values(database)
    assert {place for place, _ in first} == {column.place for column in sealed_columns()}
    assert await rotate(database, newer) == len(first)
    assert all(newer.is_current(text) for _, text in await sealed_values(database))

    await move(database, world.scene.project.project_id)
    newest = Vault.of(SECRET_KEY, {"2027": "m" * 32, **NEW})
    archived = await sealed_values(database)
    assert len(archived) == len(first)
    assert await rotate(database, newest) == len(first)
    assert all(newest.is_current(text) for _, text in await sealed_values(database))


async def sealed_values(database: Database) -> list[tuple[str, str]]:
    """The place of each sealed value in the database, found by what sealed texts look like, and its text."""
    found = []
    async with database.writer.connect() as connection:
        for table in metadata.sorted_tables:
            if table.info.get("view"):
                continue
            rows = await connection.exec_driver_sql(f"SELECT to_jsonb(t) AS content FROM {table.name} t")
            for content in rows.scalars():
                found += list(_sealed(table.name, content))
    return found


def _sealed(table: str, content: Any) -> list[tuple[str, str]]:
    source = content["table_name"] if table == "project_archive_rows" else table.removesuffix("_archive")
    row = content["content"] if table == "project_archive_rows" else content
    texts = {name: value.get("sealed") if isinstance(value, dict) else value for name, value in row.items()}
    return [
        (f"{source}.{name}", text)
        for name, text in texts.items()
        if isinstance(text, str) and text.startswith("v1.")
    ]
