"""The distinct paths of file operations: none is missing, and no writer waits for another one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from services.core.database import Database
from services.system.integrity import TROUBLES
from services.system.maintenance_steps import STEPS
from services.system.maintenance_work import Work
from tests.integration.database.catalog import Connection
from tests.support.waiting import PATIENCE, until

MISSING = TROUBLES["paths of file operations that no search finds"]
PATHS = "SELECT array_agg(path ORDER BY path) FROM file_paths"
INSERT = """
INSERT INTO file_operations (session_id, user_id, operation_type, file_path)
SELECT $1, 1, 'read', path FROM unnest($2::text[]) AS path
"""
Isolation: TypeAlias = Literal["read_committed", "repeatable_read"]
STEP = next(step for step in STEPS if step.name == "paths")


@pytest.fixture
async def session(plain: Connection) -> object:
    await plain.execute("INSERT INTO users (id, username, hashed_password) VALUES (1, 'hanako', 'x')")
    return await plain.fetchval("INSERT INTO sessions (name, user_id) VALUES ('s', 1) RETURNING session_id")


@pytest.fixture
def work(plain: Connection, database: Database) -> Work:
    """A run of maintenance."""
    long = timedelta(days=1)
    return Work(database, plain, datetime.now(UTC), dry=False, silent_for=long, lost_after=long)


async def test_each_path_is_there_once_however_it_comes(plain: Connection, session: object) -> None:
    await plain.execute(INSERT, session, ["src/a.py", "src/b.py", "src/a.py"])
    await plain.execute(INSERT, session, ["src/a.py", "設定" * 500])
    await plain.execute("UPDATE file_operations SET file_path = 'src/c.py' WHERE file_path = 'src/b.py'")
    assert await plain.fetchval(PATHS) == ["src/a.py", "src/b.py", "src/c.py", "設定" * 500]
    assert (
        await plain.fetchval("SELECT words FROM file_paths WHERE path = 'src/a.py'") == "'a':2 'py':3 'src':1"
    )
    assert await plain.fetchval(MISSING) == 0


async def test_writers_of_the_same_new_path_do_not_wait_for_each_other(
    plain: Connection, session: object, database_url: str, work: Work
) -> None:
    others = [await asyncpg.connect(database_url) for _ in range(2)]
    try:
        transactions = [other.transaction() for other in others]
        for other, transaction in zip(others, transactions, strict=True):
            await transaction.start()
            await asyncio.wait_for(other.execute(INSERT, session, ["new.py"]), PATIENCE)
        await transactions[0].commit()
        assert await plain.fetchval(MISSING) == 0
        await transactions[1].rollback()
        assert await plain.fetchval(MISSING) == 0
    finally:
        for other in others:
            await other.close()
    await plain.execute("INSERT INTO file_paths (path) VALUES ('new.py'), ('new.py')")
    await STEP.run(work)
    assert await plain.fetchval(PATHS) == ["new.py"]
    assert work.done == {"file_paths": 2}


async def test_maintenance_removes_what_no_operation_names(
    plain: Connection, session: object, work: Work
) -> None:
    await plain.execute(INSERT, session, [f"file {number}" for number in range(3_000)])
    await plain.execute("DELETE FROM file_operations WHERE file_path <> 'file 1'")
    work.dry = True
    await STEP.run(work)
    assert work.done == {"file_paths": 2_999}
    assert await plain.fetchval("SELECT count(*) FROM file_paths") == 3_000
    work.dry = False
    work.done.clear()
    await STEP.run(work)
    assert work.done == {"file_paths": 2_999}
    assert await plain.fetchval(PATHS) == ["file 1"]


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read"])
async def test_a_path_that_goes_while_an_operation_comes_is_there_afterwards(
    plain: Connection, session: object, database_url: str, work: Work, isolation: Isolation
) -> None:
    await plain.execute(INSERT, session, ["back.py"])
    await plain.execute("DELETE FROM file_operations")
    other = await asyncpg.connect(database_url)
    try:
        transaction = other.transaction(isolation=isolation)
        await transaction.start()
        assert await other.fetchval("SELECT count(*) FROM file_paths") == 1  # its snapshot has the path
        await STEP.run(work)
        assert await plain.fetchval(PATHS) is None
        await other.execute(INSERT, session, ["back.py"])
        await transaction.commit()
    finally:
        await other.close()
    assert await plain.fetchval(MISSING) == 0


async def test_maintenance_keeps_a_path_that_an_open_transaction_names(
    plain: Connection, session: object, database_url: str, work: Work
) -> None:
    await plain.execute(INSERT, session, ["kept.py"])
    await plain.execute("DELETE FROM file_operations")
    await plain.execute("SET lock_timeout = '10s'")
    other = await asyncpg.connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(INSERT, session, ["kept.py"])  # finds the path, and adds none
        await asyncio.gather(STEP.run(work), _commit_when_awaited(plain, other, transaction, database_url))
    finally:
        await other.close()
    assert await plain.fetchval(MISSING) == 0
    assert work.done["file_paths"] == 0


async def _commit_when_awaited(
    plain: Connection, other: Connection, transaction: Transaction, database_url: str
) -> None:
    """Commit once another transaction waits for what the transaction has locked."""
    watcher = await asyncpg.connect(database_url)
    try:
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
        await until(lambda: watcher.fetchval(waits, plain.get_server_pid()))
    finally:
        await watcher.close()
    await transaction.commit()
