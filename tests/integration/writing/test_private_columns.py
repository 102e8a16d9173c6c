"""What is private in an account is not told by what a write answers."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, text

from models import metadata
from services.accounts.accounts import OWN
from services.accounts.email_changes import MOST_A_DAY
from services.core.database import Database
from services.core.principal import Principal
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.factories import make_user

UPDATE = mutation("updateUser", "user { email }")


def email(person: Principal, address: str | None) -> dict[str, Any]:
    return {"id": person.user_id, "patch": {"email": address}}


async def test_an_address_that_another_has_is_refused_in_the_words_of_one_that_is_none(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        victim = await make_user(connection)

    taken = await caller.response(scene.stranger, UPDATE, input=email(scene.stranger, victim.email))
    malformed = await caller.response(scene.stranger, UPDATE, input=email(scene.stranger, "nobody"))

    assert taken["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "input.patch.email"}
    assert taken["errors"][0] == malformed["errors"][0]
    by_admin = await caller.refusal(
        scene.administrator, UPDATE, input=email(scene.administrator, victim.email)
    )
    assert by_admin == ("CONFLICT", "input.patch.email")


async def test_addresses_are_tried_a_few_times_a_day_whatever_the_answer_and_also_in_a_rush(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        people = [await make_user(connection) for _ in range(8)]
    tries = [person.email for person in people] + [f"free{number}@example.com" for number in range(8)]

    responses = await asyncio.gather(
        *(caller.response(scene.stranger, UPDATE, input=email(scene.stranger, address)) for address in tries)
    )

    refusals = [error for response in responses for error in response.get("errors", ())]
    limited = [error for error in refusals if error["extensions"]["code"] == "RATE_LIMITED"]
    assert len(limited) == len(tries) - MOST_A_DAY
    assert all(0 < error["extensions"]["retryAfter"] <= 86_400 for error in limited)

    emptied = await caller.data(scene.stranger, UPDATE, input=email(scene.stranger, None))
    other = await caller.data(scene.viewer, UPDATE, input=email(scene.viewer, "mine@example.com"))
    assert emptied["updateUser"]["user"]["email"] is None
    assert other["updateUser"]["user"]["email"] == "mine@example.com"
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE system_logs SET created_at = now() - interval '25 hours' WHERE details ? 'tried'")
        )
    await caller.data(scene.stranger, UPDATE, input=email(scene.stranger, "later@example.com"))


@pytest.mark.parametrize("address", ["a@example.com", None])
async def test_trying_an_address_for_another_account_is_refused_and_counts_for_nobody(
    database: Database, scene: Scene, caller: Caller, address: str | None
) -> None:
    refusal = await caller.refusal(scene.stranger, UPDATE, input=email(scene.viewer, address))

    assert refusal == ("FORBIDDEN", "input.id")
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM system_logs")) == 0


def test_no_other_private_column_is_unique_or_written_by_the_person_in_the_way_of_others() -> None:
    """A new one needs an answer to the question what a refusal tells."""
    private = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if column.info.get("private")
    }
    unique = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for found in table.constraints
        if isinstance(found, UniqueConstraint)
        for column in found.columns
    } | {
        (table.name, column.name)
        for table in metadata.tables.values()
        for index in table.indexes
        if index.unique
        for column in index.columns
    }
    assert private & unique == {("users", "email")}
    assert {"email", "preferences"} == OWN
