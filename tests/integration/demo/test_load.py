"""The demo goes into an empty database whole or not at all, and the same each time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial

import asyncpg
import pytest

from models import metadata
from services.accounts.passwords import verify_password
from services.core.errors import BadInput, Conflict
from services.demo import DEMO_USER, PASSWORD, REFERENCE, load, loading
from tests.support.server import TestServer

SCALE = 0.002
LOGS = ("cc_logs", "task_logs", "system_logs", "notification_history", "file_operations")
Connection = asyncpg.Connection


@dataclass(slots=True)
class Demo:
    """A database with the demo in it, what `load` returned, and every call of its progress."""

    url: str
    rows: dict[str, int] = field(default_factory=dict)
    progress: list[tuple[str, int, int]] = field(default_factory=list)

    async def fill(self, seed: int) -> dict[str, str]:
        """Load, and give the digest of each table as COPY prints it."""
        connection = await asyncpg.connect(self.url)
        try:
            self.rows = await load(
                connection, scale=SCALE, seed=seed, progress=lambda *call: self.progress.append(call)
            )
            return {name: await digest(connection, name) for name in stored()}
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def demo(postgres: TestServer) -> Iterator[Demo]:
    """A loaded database for tests that change nothing in it."""
    with postgres.clone() as url:
        loaded = Demo(url)
        asyncio.run(loaded.fill(seed=1))
        yield loaded


@pytest.fixture
async def full(demo: Demo) -> AsyncIterator[Connection]:
    """A connection to the loaded database whose changes are rolled back."""
    opened = await asyncpg.connect(demo.url)
    transaction = opened.transaction()
    await transaction.start()
    yield opened
    await transaction.rollback()
    await opened.close()


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a migrated database without rows."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


FILLED_BY_MIGRATIONS = ("alembic_version", "system_settings", "feed_state", "feed_running")


def stored() -> list[str]:
    return [
        name
        for name, table in metadata.tables.items()
        if not table.info.get("view") and name not in FILLED_BY_MIGRATIONS
    ]


async def count(connection: Connection) -> dict[str, int]:
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in stored()}


async def digest(connection: Connection, table: str) -> str:
    """Transaction ids are left out: they are of the load, not of the data."""
    columns = ", ".join(column.name for column in metadata.tables[table].columns if column.name != "xid")
    total = hashlib.sha256()

    async def add(part: bytes) -> None:
        total.update(part)

    await connection.copy_from_query(f"SELECT {columns} FROM {table} ORDER BY 1, 2", output=add)
    return total.hexdigest()


async def resting_triggers(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT tgname FROM pg_trigger WHERE tgenabled = 'D'")
    return [row["tgname"] for row in rows]


async def test_what_is_reported_as_loaded_is_there_and_nothing_else(demo: Demo, full: Connection) -> None:
    there = await count(full)
    assert {name: rows for name, rows in there.items() if rows} == demo.rows
    assert there["change_events"] == 0
    assert there["file_operations"] == 2_000


def test_the_same_seed_gives_the_same_data_byte_for_byte(postgres: TestServer) -> None:
    digests = []
    for seed in (5, 5, 6):
        with postgres.clone() as url:
            digests.append(asyncio.run(Demo(url).fill(seed)))
    assert digests[0] == digests[1]
    assert digests[0]["users"] != digests[2]["users"]


MADE = (
    "SELECT c.oid::regclass::text, c.relkind::text, c.reloptions, obj_description(c.oid, 'pg_class'),"
    " pg_get_expr(c.relpartbound, c.oid), c.relreplident::text, c.relowner::regrole::text"
    " FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace",
    "SELECT attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, attstattarget,"
    " pg_get_expr(adbin, adrelid), col_description(attrelid, attnum) FROM pg_attribute"
    " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
    " JOIN pg_class ON pg_class.oid = attrelid"
    " WHERE relnamespace = 'public'::regnamespace AND attnum > 0",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "SELECT pg_get_indexdef(indexrelid), indisvalid, coalesce(inhparent::regclass::text, '') FROM pg_index"
    " JOIN pg_class ON pg_class.oid = indexrelid LEFT JOIN pg_inherits ON inhrelid = indexrelid"
    " WHERE relnamespace = 'public'::regnamespace",
    "SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid), tgparentid <> 0"
    " FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ccgraph%'",
)
"""What a database consists of beside its rows, without the numbers that PostgreSQL gives."""


async def made(connection: Connection) -> list[list[str]]:
    return [sorted(str(tuple(row)) for row in await connection.fetch(query)) for query in MADE]


def test_long_tables_come_out_as_if_loaded_row_by_row(
    postgres: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def loaded(url: str, another: bool) -> tuple[list[list[str]], dict[str, str], list[str]]:
        connection = await asyncpg.connect(url)
        told = []
        try:
            rows = await load(
                connection,
                scale=SCALE,
                seed=1,
                another=partial(asyncpg.connect, url) if another else None,
                progress=lambda table, done, expected: told.append(table),
            )
            assert {name: rows for name, rows in (await count(connection)).items() if rows} == rows
            return await made(connection), {name: await digest(connection, name) for name in stored()}, told
        finally:
            await connection.close()

    monkeypatch.setattr(loading, "_LONG", 300)
    with postgres.clone() as url:
        plain = asyncio.run(loaded(url, another=False))
    with postgres.clone() as url:
        staged = asyncio.run(loaded(url, another=True))
    for one, other in zip(plain[0], staged[0], strict=True):
        assert one == other
    assert plain[1] == staged[1]
    assert "indexes of file_operations" in staged[2]
    assert "indexes of mcp_messages" in staged[2]


async def test_a_staged_load_that_breaks_off_leaves_nothing(
    empty: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_LONG", 300)
    before = await made(empty)
    for at in ("indexes of file_operations", "file_operations", "mcp_messages", "indexes of mcp_messages"):

        def break_off(table: str, done: int, expected: int, at: str = at) -> None:
            if table == at:
                raise RuntimeError("broken off")

        with pytest.raises(RuntimeError, match="broken off"):
            await load(
                empty,
                scale=SCALE,
                seed=1,
                progress=break_off,
                another=partial(asyncpg.connect, database_url),
            )
        assert sum((await count(empty)).values()) == 0
        assert await made(empty) == before


async def test_a_filled_database_is_refused_and_left_as_it_was(empty: Connection) -> None:
    await empty.execute("INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x')")
    with pytest.raises(Conflict, match="rows in users") as refusal:
        await load(empty, scale=SCALE, seed=1)
    assert "Nothing was changed" in refusal.value.message
    assert sum((await count(empty)).values()) == 1
    assert await resting_triggers(empty) == []


async def test_a_database_in_use_is_refused_and_left_as_it_was(empty: Connection, database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    writing = other.transaction()
    await writing.start()
    await other.execute("INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x')")
    with pytest.raises(Conflict, match="in use"):
        await load(empty, scale=SCALE, seed=1)
    await writing.rollback()
    await other.close()
    assert sum((await count(empty)).values()) == 0


async def test_a_load_that_breaks_off_leaves_nothing(empty: Connection) -> None:
    def break_off(table: str, done: int, expected: int) -> None:
        if table == "mcp_messages":
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await load(empty, scale=SCALE, seed=1, progress=break_off)
    assert sum((await count(empty)).values()) == 0
    assert await resting_triggers(empty) == []


async def test_triggers_work_again_and_numbers_go_on_after_the_load(full: Connection) -> None:
    assert await resting_triggers(full) == []
    before = await full.fetchval("SELECT total_sessions FROM projects WHERE id = 1")
    number = await full.fetchval(
        "INSERT INTO sessions (session_id, name, user_id, project_id) "
        "VALUES (gen_random_uuid(), 'new', 2, 1) RETURNING id"
    )
    assert number == await full.fetchval("SELECT count(*) FROM sessions")
    assert await full.fetchval("SELECT total_sessions FROM projects WHERE id = 1") == before + 1
    assert await full.fetchval("SELECT count(*) FROM change_events") > 0


@pytest.mark.parametrize("table", LOGS)
async def test_every_log_row_lies_in_the_partition_of_its_month(full: Connection, table: str) -> None:
    assert await full.fetchval(f"SELECT count(*) FROM {table}_default") == 0


async def test_maintenance_leaves_the_loaded_year_alone(demo: Demo, full: Connection) -> None:
    await full.execute("SELECT cleanup_old_logs()")
    there = await count(full)
    assert {table: there[table] for table in LOGS} == {table: demo.rows[table] for table in LOGS}


async def test_the_demo_login_works_and_the_first_user_administers(full: Connection) -> None:
    users = {row["username"]: row for row in await full.fetch("SELECT * FROM users")}
    assert (await verify_password(users[DEMO_USER]["hashed_password"], PASSWORD)).matches
    assert [name for name, row in users.items() if row["is_admin"]] == ["admin"]


async def test_japanese_text_is_found_by_the_search(full: Connection) -> None:
    found = await full.fetch(
        "SELECT message FROM system_logs WHERE ccgraph_tsvector(message) @@ ccgraph_tsquery('設定を確認')"
    )
    assert found
    assert all("設定を確認" in row["message"] for row in found)


def test_progress_never_passes_what_is_expected_and_ends_with_the_rows_of_each_table(demo: Demo) -> None:
    assert all(done <= expected for _, done, expected in demo.progress)
    assert list(dict.fromkeys(table for table, _, _ in demo.progress)) == list(demo.rows)
    last = {table: (done, expected) for table, done, expected in demo.progress}
    assert last == {table: (rows, rows) for table, rows in demo.rows.items()}


@pytest.mark.parametrize("scale", [0.0, -0.5, 1000.0])
async def test_a_scale_out_of_range_is_refused(empty: Connection, scale: float) -> None:
    with pytest.raises(BadInput, match="scale"):
        await load(empty, scale=scale, seed=1)
    assert sum((await count(empty)).values()) == 0


async def test_an_end_without_a_time_zone_is_refused(empty: Connection) -> None:
    with pytest.raises(BadInput, match="time zone"):
        await load(empty, scale=SCALE, seed=1, until=REFERENCE.replace(tzinfo=None))
    assert sum((await count(empty)).values()) == 0
