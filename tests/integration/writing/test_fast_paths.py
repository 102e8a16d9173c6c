"""What one statement does is what the transaction would have done: the same answers, rows and traces."""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import text

from app.config.settings import Settings
from services.core.database import Database, WritePool
from services.core.principal import Principal
from services.secrets.vault import Vault
from tests.integration.writing.asking import SECRET_KEY, Caller, mutation
from tests.integration.writing.test_random_writes import MEND
from tests.support.drawing import examples
from tests.support.plain.ledger import take
from tests.support.server import TestServer
from tests.support.twins import Likeness, alike, contents, keys_in, twins, without_numbers
from tests.support.world import make_world
from tests.support.writes import WriteWriter

ATTEMPTS = examples(150)
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "1 2").split()]

READY = (
    "UPDATE tasks SET status = 'PENDING', assigned_to = NULL, lease_expires_at = NULL WHERE id::text < '8'"
)


class Refusing:
    """Stands in for the connections of single statements: refuses all, as a constraint would."""

    def __init__(self) -> None:
        self.asked = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Refusing"]:
        """Itself."""
        yield self

    async def fetch(self, statement: str, *parameters: object) -> Sequence[Any]:
        """Nothing, ever."""
        self.asked += 1
        raise asyncpg.CheckViolationError("refused")


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_creates_appends_and_claims_do_the_same_in_one_statement_and_in_several(
    postgres: TestServer, settings: Settings, seed: int
) -> None:
    print(f"seed {seed}, {ATTEMPTS} attempts")
    chance, outcomes, refusing = random.Random(seed), Counter[str](), Refusing()

    async def fill(database: Database) -> None:
        async with database.writer.begin() as connection:
            await make_world(connection, seed)
            for statement in (*MEND, READY):
                await connection.execute(text(statement))

    async with twins(postgres, settings, fill) as (_, quick, database):
        slow = replace(database, autocommit=cast("WritePool", refusing))
        callers = [Caller(each, Vault.of(SECRET_KEY)) for each in (quick, slow)]
        async with quick.primary.acquire() as connection:
            snapshot = await take(cast("asyncpg.Connection[asyncpg.Record]", connection))
        likeness = Likeness(keys_in(await contents(quick)))
        for number in range(ATTEMPTS):
            people = snapshot["users"].values()
            rights = chance.random() < 0.5  # of an administrator, to whom less is refused
            person = chance.choice([person for person in people if person["is_admin"] or not rights])
            write = WriteWriter(chance, snapshot).short()
            told = f"seed {seed}, attempt {number}: {person['id']} {write}"
            principal = Principal(person["id"], person["username"], is_admin=person["is_admin"])
            one, other = [
                await caller.response(principal, mutation(write.field), input=write.given)
                for caller in callers
            ]
            assert likeness.of(one) == likeness.of(other), told
            claimed = write.field == "claimNextTask" and "errors" not in one
            outcomes["refused" if "errors" in one else "claimed" if claimed else "made"] += 1
        assert await alike(likeness, quick, slow, without_numbers) == [], f"seed {seed}"
    print(dict(outcomes), refusing.asked)
    assert min(outcomes[name] for name in ("refused", "claimed", "made")) > 0, outcomes
    assert refusing.asked > outcomes["claimed"]  # creates and appends came this way, too
