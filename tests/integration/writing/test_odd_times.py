"""Times at the ends and beyond what Python holds: exact in answers and cursors, and in nobody's way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, text

from models import metadata
from services.core.database import Database
from services.core.timestamps import FIRST, LAST, FarTime, format_moment, from_postgres, to_postgres
from tests.integration.writing.asking import CATALOG, Caller, mutation
from tests.integration.writing.conftest import Scene, World
from tests.support.stored import stored

FOR_EVER = "9999-12-31T23:59:59.999999Z"
EXACT = "9999-12-31T23:59:59.999999+00:00"
ODD = {
    "-infinity": "-infinity",
    "4714-11-24 00:00:00+00 BC": "4714-11-24T00:00:00+00:00 BC",
    "0044-03-15 12:00:00.000001+00 BC": "0044-03-15T12:00:00.000001+00:00 BC",
    "0001-01-01 00:00:00+00": "0001-01-01T00:00:00+00:00",
    "9999-12-31 23:59:59.999999+00": EXACT,
    "58692-11-03 14:13:20.5+00": "58692-11-03T14:13:20.5+00:00",
    "294276-12-31 23:59:59.999999+00": "294276-12-31T23:59:59.999999+00:00",
    "infinity": "infinity",
}
"""By SQL, in their order: what the API shows."""


async def run(database: Database, sql: str, **values: object) -> Sequence[Any]:
    async with database.writer.begin() as connection:
        result = await connection.execute(text(sql), values)
        return result.all() if result.returns_rows else []


@pytest.mark.parametrize("shown", ODD)
async def test_each_pool_reads_and_writes_every_time_as_it_is(database: Database, shown: str) -> None:
    sql = "SELECT $1::timestamptz = $2::text::timestamptz, $3::timestamptz[] = ARRAY[$2::text::timestamptz]"
    for pool in (database.reader, database.primary, database.autocommit):
        async with pool.acquire() as connection:
            value = await connection.fetchval("SELECT $1::text::timestamptz", shown)
            assert format_moment(value) == ODD[shown]
            assert tuple(await connection.fetchrow(sql, value, shown, [value]) or ()) == (True, True)
    async with database.writer.connect() as writing:
        query = text("SELECT CAST(CAST(:shown AS text) AS timestamptz)")
        value = (await writing.execute(query, {"shown": shown})).scalar_one()
        assert format_moment(value) == ODD[shown]


@pytest.mark.parametrize("moment", [FIRST, LAST, datetime(2026, 2, 3, 4, 5, 6, 700000, UTC)])
def test_a_time_comes_back_from_what_postgresql_counts(moment: datetime) -> None:
    assert from_postgres(to_postgres(moment)) == moment
    assert to_postgres(moment.astimezone()) == to_postgres(moment) if moment.year == 2026 else True


def test_what_is_further_away_is_no_less_than_the_last_moment() -> None:
    far = from_postgres((to_postgres(LAST)[0] + 1,))
    assert isinstance(far, FarTime)
    assert far >= LAST
    assert far > datetime.now(UTC) + timedelta(days=365 * 7000)


APPENDS = {
    "appendCcLogs": ("ccLogs", {"logLevel": "INFO", "category": "SYSTEM", "message": "x"}),
    "appendTaskLogs": ("taskLogs", {"logLevel": "INFO", "phase": "EXECUTION", "message": "x"}),
}


@pytest.mark.parametrize("field", APPENDS)
async def test_the_last_microsecond_is_kept_in_what_is_appended(
    world: World, caller: Caller, database: Database, field: str
) -> None:
    name, row = APPENDS[field]
    scene = world.scene
    [[task]] = await run(
        database, "SELECT id FROM tasks WHERE project_id = :p LIMIT 1", p=scene.project.project_id
    )
    row = {**row, "createdAt": FOR_EVER, "ccInstanceId": str(scene.instance_id)}
    if field == "appendTaskLogs":
        row |= {"taskId": str(task)}
    data = await caller.data(
        scene.owner, mutation(field, f"{name} {{ createdAt }}"), input={"rows": [row, row]}
    )
    assert data[field][name] == [{"createdAt": EXACT}] * 2
    listing = f"{{ {name}(where: {{createdAt: {{eq: {FOR_EVER!r}}}}}) {{ totalCount }} }}".replace("'", '"')
    assert await caller.data(scene.owner, listing) == {name: {"totalCount": 2}}


async def test_an_answer_is_paired_with_a_request_of_any_time(
    scene: Scene, caller: Caller, database: Database
) -> None:
    record = (
        "mutation ($i: UUID!, $m: [JSON!]!)"
        " { recordMcpMessages(input: {ccInstanceId: $i, messages: $m}) { recorded } }"
    )

    def wrapped(at: str, **message: object) -> dict[str, object]:
        return {"at": at, "server": "s", "message": {"jsonrpc": "2.0", **message}}

    async def send(*messages: object) -> int:
        data = await caller.data(scene.owner, record, i=str(scene.instance_id), m=messages)
        return int(data["recordMcpMessages"]["recorded"])

    for number, at in enumerate(["infinity", "-infinity", "0044-03-15 BC", "58692-11-03", "9999-12-31"]):
        call = {"method": "tools/call", "params": {"name": "q"}}
        assert await send(wrapped(FOR_EVER, id=number, **call)) == 1
        await run(
            database,
            "UPDATE mcp_messages SET created_at = CAST(CAST(:at AS text) AS timestamptz) WHERE rpc_id = :id",
            at=at,
            id=str(number),
        )
        assert await send(wrapped("2026-11-05T00:00:00Z", id=number, result={})) == 1
        assert (
            await send(
                wrapped(
                    "2026-11-05T00:00:00Z", method="notifications/cancelled", params={"requestId": number}
                )
            )
            == 1
        )


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["startedAt", "createdAt"])
async def test_pages_go_over_every_time_both_ways(
    scene: Scene, caller: Caller, database: Database, by: str, direction: str
) -> None:
    column = {"startedAt": "started_at", "createdAt": "created_at"}[by]
    for at in ODD:
        await run(
            database,
            f"INSERT INTO tasks (project_id, name, task_type, {column}) VALUES (:p, :name, 'design',"
            " CAST(CAST(:at AS text) AS timestamptz))",
            p=scene.project.project_id,
            name=ODD[at],
            at=at,
        )
    expected = [*ODD.values()] if direction == "ASC" else [*reversed(ODD.values())]
    for first, after, forward in (("first", "after", True), ("last", "before", False)):
        query = (
            f"query ($c: String) {{ tasks({first}: 1, {after}: $c, orderBy: [{{{by}: {direction}}}])"
            f" {{ nodes {{ name at: {by} }} pageInfo {{ startCursor endCursor }} }} }}"
        )
        cursor, seen = None, []
        while (page := (await caller.data(scene.owner, query, c=cursor))["tasks"])["nodes"]:
            [node] = page["nodes"]
            assert node["at"] == node["name"]
            seen.append(node["at"])
            cursor = page["pageInfo"]["endCursor"]
        assert seen == (expected if forward else expected[::-1])


async def test_groups_and_ends_show_every_time(scene: Scene, caller: Caller, database: Database) -> None:
    for at in ODD:
        await run(
            database,
            "INSERT INTO tasks (project_id, name, task_type, started_at) VALUES (:p, 'x', 'design',"
            " CAST(CAST(:at AS text) AS timestamptz))",
            p=scene.project.project_id,
            at=at,
        )
    data = await caller.data(
        scene.owner,
        "{ tasks { aggregate { min { startedAt } max { startedAt } }"
        " groups(by: [STARTED_AT_DAY]) { key { startedAtDay } count } } }",
    )
    assert data["tasks"]["aggregate"] == {"min": {"startedAt": "-infinity"}, "max": {"startedAt": "infinity"}}
    assert sum(group["count"] for group in data["tasks"]["groups"]) == len(ODD)


@pytest.mark.parametrize("at", ODD)
@pytest.mark.parametrize("column", ["started_at", "completed_at", "queued_at", "created_at"])
async def test_a_task_with_any_time_is_changed_ended_and_deleted(
    scene: Scene, caller: Caller, database: Database, column: str, at: str
) -> None:
    tasks = await run(
        database,
        f"INSERT INTO tasks (project_id, name, task_type, status, assigned_to, {column})"
        " SELECT :p, 'odd', 'design', 'RUNNING', :i, CAST(CAST(:at AS text) AS timestamptz)"
        " FROM generate_series(1, 2) RETURNING id",
        p=scene.project.project_id,
        i=scene.instance_id,
        at=at,
    )
    first, second = (str(row.id) for row in tasks)
    data = await caller.data(
        scene.owner,
        mutation("updateTask", "task { description }"),
        input={"id": first, "patch": {"description": "new"}},
    )
    assert data["updateTask"]["task"] == {"description": "new"}
    data = await caller.data(
        scene.owner,
        mutation("updateTask", "task { status actualDurationMinutes }"),
        input={"id": first, "patch": {"status": "FAILED"}},
    )
    assert data["updateTask"]["task"]["status"] == "FAILED"
    await caller.data(
        scene.owner,
        mutation("updateTasks", "count"),
        input={"where": {"id": {"eq": second}}, "patch": {"priority": 3}},
    )
    for key in (first, second):
        await caller.data(scene.owner, mutation("deleteTask"), input={"id": key})


@pytest.mark.parametrize("at", ODD)
async def test_an_instance_with_any_time_starts_beats_and_ends(
    scene: Scene, caller: Caller, database: Database, at: str
) -> None:
    await run(
        database,
        "UPDATE cc_instances SET last_heartbeat = t.at, started_at = t.at, created_at = t.at"
        " FROM (SELECT CAST(CAST(:at AS text) AS timestamptz) AS at) t WHERE id = :i",
        at=at,
        i=scene.instance_id,
    )
    key = {"id": str(scene.instance_id)}
    await caller.data(scene.owner, mutation("startCcInstance"), input=key)
    await caller.data(scene.owner, mutation("heartbeat"), input={"ids": [key["id"]]})
    await caller.data(scene.owner, mutation("updateCcInstance"), input={**key, "patch": {"name": "other"}})
    await caller.data(scene.owner, mutation("stopCcInstance"), input=key)


def timed() -> list[tuple[str, list[str]]]:
    """Each table with the columns that have times, without those that are keys of partitions."""
    found = []
    for table in metadata.sorted_tables:
        names = [
            column.name
            for column in table.columns
            if isinstance(column.type, DateTime) and not column.primary_key
        ]
        if names and not table.info.get("view"):
            found.append((table.name, names))
    return found


@pytest.mark.parametrize("at", ODD)
async def test_rows_of_every_table_are_read_with_every_time(
    world: World, caller: Caller, database: Database, at: str
) -> None:
    for table, names in timed():
        values = ", ".join(f"{name} = CAST(CAST(:at AS text) AS timestamptz)" for name in names)
        await run(database, f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await run(database, f"UPDATE {table} SET {values}", at=at)
    shown = 0
    for found in stored(CATALOG):
        fields = " ".join(column.field for column in found.columns.values())
        listing = f"{{ found: {found.connection} {{ nodes {{ {fields} }} }} }}"
        data = await caller.data(world.scene.administrator, listing)
        shown += str(data).count(ODD[at])
    assert shown > 20
