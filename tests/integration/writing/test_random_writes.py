"""Random writes as random people: nothing changes that is not theirs to change."""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from services.core.database import Database
from services.core.principal import Principal
from services.writing.tables import TABLES
from tests.integration.writing.asking import Caller, mutation
from tests.support.drawing import examples
from tests.support.plain.changes import Reach
from tests.support.plain.ledger import Snapshot, listed, take, trespasses
from tests.support.plain.visibility import Seer
from tests.support.world import make_world
from tests.support.writes import Write, WriteWriter

ATTEMPTS = examples(100)
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "1 2").split()]

# The rules of who may do these say more than who may change the row.
STRICTER = {"startSession", "stopSession", "failSession"}
OPEN_TO_GUESTS = {*STRICTER, "touchSession", "shareSession"}
BY_ANYBODY_FOR_THEMSELVES = {"removeCollaborator"}

# What plain SQL might do and the API never does: trees across projects, projects in two places, no status.
# And shared sessions that can be joined, some by anybody, some by those who are named.
MEND = (
    "UPDATE cc_instances c SET parent_instance_id = NULL FROM cc_instances p"
    " WHERE p.id = c.parent_instance_id AND p.project_id IS DISTINCT FROM c.project_id",
    "UPDATE tasks t SET assigned_to = NULL FROM cc_instances c"
    " WHERE c.id = t.assigned_to AND c.project_id IS DISTINCT FROM t.project_id",
    "DELETE FROM projects_archive",
    "UPDATE notification_history SET status = 'pending' WHERE status IS NULL",
    "UPDATE collaboration_participants SET state = 'joined' WHERE user_id % 2 = 0",
    "UPDATE collaboration_sessions SET is_public = true, requires_approval = id % 2 = 0, expires_at = NULL,"
    " max_participants = 3, allowed_users = CASE WHEN id % 3 = 0 THEN '[1, 2, 3, 4]'::jsonb ELSE '[]' END",
)


@pytest.fixture
async def watcher(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that looks at what there is."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_write_changes_what_its_caller_may_not_change(
    database: Database, caller: Caller, watcher: "asyncpg.Connection[asyncpg.Record]", seed: int
) -> None:
    print(f"seed {seed}, {ATTEMPTS} attempts")
    async with database.writer.begin() as connection:
        await make_world(connection, seed)
        for statement in MEND:
            await connection.execute(text(statement))
    chance, outcomes = random.Random(seed), Counter[str]()
    before = await take(watcher)
    for number in range(ATTEMPTS):
        person = chance.choice(list(before["users"].values()))
        seer = Seer(person["id"], bool(person["is_admin"]))
        write = WriteWriter(chance, before).write()
        told = f"seed {seed}, attempt {number}: {seer} {write}"
        principal = Principal(seer.user_id, person["username"], seer.is_admin)
        response = await caller.response(principal, mutation(write.field), input=write.given)
        after = await take(watcher)
        if "errors" in response:
            (error,) = response["errors"]
            code, field = error["extensions"]["code"], error["extensions"].get("field")
            assert after == before, told
            assert code in _refusals(write, seer, before, field), f"{told}: {error}"
            outcomes[code] += 1
        else:
            assert _may(write, seer, before), told
            assert trespasses(before, after, seer) == [], told
            outcomes["done"] += 1
        before = after
    print(dict(outcomes))
    assert min(outcomes[code] for code in ("done", "NOT_FOUND", "FORBIDDEN")) > ATTEMPTS // 20, outcomes


def _may(write: Write, seer: Seer, before: Snapshot) -> bool:
    """Whether the row that the write names is there for the caller, and theirs to change."""
    if write.table is None:
        return True
    reach = Reach(listed(before), seer)
    if write.row is not None and write.table == "project_invitations":
        is_theirs = bool(write.row["user_id"] == seer.user_id)
        if write.field in ("acceptInvitation", "declineInvitation"):
            return is_theirs
        return seer.is_admin or (reach.changes(write.table, write.row) and not is_theirs)
    return write.row is not None and (
        (reach.changes(write.table, write.row) and _may_so_much(write, reach))
        or (write.field in BY_ANYBODY_FOR_THEMSELVES and write.given["userId"] == seer.user_id)
    )


def _may_so_much(write: Write, reach: Reach) -> bool:
    """Whether a guest may do as much as this with the row that is lent to them."""
    assert write.table is not None
    assert write.row is not None
    table = TABLES.get(write.table)
    if table is not None and write.field == f"update{table.type_name}":
        names = {column.field: name for name, column in table.columns.items()}
        columns = {names[field] for field in write.given["patch"]}
        return reach.changes_columns(write.table, write.row, columns)
    return write.field in OPEN_TO_GUESTS or reach.owns(write.table, write.row)


def _refusals(write: Write, seer: Seer, before: Snapshot, field: str | None) -> set[str]:
    """The codes with which this may be refused."""
    about_values = {"BAD_USER_INPUT", "CONFLICT", "QUOTA_EXCEEDED", "RATE_LIMITED"}
    if write.table is None or (write.field == "claimTask" and field == "input.ccInstanceId"):
        return {*about_values, "NOT_FOUND", "FORBIDDEN"}
    reach = Reach(listed(before), seer)
    row = write.row
    if write.field in ("acceptInvitation", "declineInvitation") and not _may(write, seer, before):
        return {"NOT_FOUND"}
    if row is None or not (seer.is_admin or row in reach.sees().rows(write.table)):
        return {"NOT_FOUND"}
    if not _may(write, seer, before):
        return {"FORBIDDEN"}
    named = next(iter(write.given))
    if field == f"input.{named}" and write.field not in STRICTER:
        return about_values
    return {*about_values, "NOT_FOUND", "FORBIDDEN"}
