"""Counts in projects are exact, whatever happens at the same time."""

import asyncio
import random
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from tests.integration.database.catalog import Connection

COUNTED = """
SELECT id, total_sessions, total_worktrees, total_commits,
    (SELECT count(*) FROM sessions WHERE project_id = projects.id) AS sessions,
    (SELECT count(*) FROM worktrees WHERE project_id = projects.id) AS worktrees
FROM projects ORDER BY id
"""
WORKTREE = """
INSERT INTO worktrees (user_id, project_id, repository_path, worktree_path, branch_name)
VALUES ($1, $2, '/repository', $3, 'main') RETURNING worktree_id
"""


@pytest.fixture
async def projects(plain: Connection) -> list[int]:
    await plain.execute("INSERT INTO users (id, username, hashed_password) VALUES (1, 'hanako', 'x')")
    rows = await plain.fetch(
        "INSERT INTO projects (name, owner_id) SELECT 'p' || n, 1 FROM generate_series(1, 4) AS n"
        " RETURNING id"
    )
    return [row["id"] for row in rows]


async def assert_exact(connection: Connection) -> list[int]:
    rows = await connection.fetch(COUNTED)
    for row in rows:
        assert (row["total_sessions"], row["total_worktrees"]) == (row["sessions"], row["worktrees"])
    return [row["total_sessions"] for row in rows]


async def test_a_session_counts_where_it_is(plain: Connection, projects: list[int]) -> None:
    insert = "INSERT INTO sessions (name, user_id, project_id) SELECT 's', 1, $1 FROM generate_series(1, $2)"
    await plain.execute(insert, projects[0], 5)
    await plain.execute(insert, None, 2)
    assert await assert_exact(plain) == [5, 0, 0, 0]
    await plain.execute("UPDATE sessions SET project_id = $1 WHERE id <= 2", projects[1])
    assert await assert_exact(plain) == [3, 2, 0, 0]
    await plain.execute("UPDATE sessions SET project_id = NULL WHERE id = 3")
    await plain.execute("UPDATE sessions SET project_id = $1 WHERE id > 5", projects[2])
    assert await assert_exact(plain) == [2, 2, 2, 0]
    await plain.execute("DELETE FROM sessions WHERE project_id = $1", projects[0])
    assert await assert_exact(plain) == [0, 2, 2, 0]
    await plain.execute("DELETE FROM users")
    assert await plain.fetchval("SELECT count(*) FROM sessions") == 0


async def test_a_deleted_project_leaves_its_sessions_without_one(
    plain: Connection, projects: list[int]
) -> None:
    await plain.execute("INSERT INTO sessions (name, user_id, project_id) VALUES ('s', 1, $1)", projects[0])
    await plain.execute("DELETE FROM projects WHERE id = $1", projects[0])
    assert await plain.fetchval("SELECT project_id FROM sessions") is None
    assert await assert_exact(plain) == [0, 0, 0]


async def test_only_successful_syncs_with_a_commit_count(plain: Connection, projects: list[int]) -> None:
    worktree = await plain.fetchval(WORKTREE, 1, projects[1], "/w")
    await plain.executemany(
        "INSERT INTO worktree_sync_history (source_worktree_id, sync_type, status, commit_hash)"
        " VALUES ($1, 'merge', $2, $3)",
        [
            (worktree, "success", "a" * 40),
            (worktree, "success", None),
            (worktree, "failed", "b" * 40),
            (worktree, "partial", "c" * 40),
            (worktree, "success", "d" * 40),
        ],
    )
    assert [row["total_commits"] for row in await plain.fetch(COUNTED)] == [0, 2, 0, 0]


async def test_a_sign_of_life_in_a_session_is_activity_of_its_project_and_no_change_of_it(
    plain: Connection, projects: list[int]
) -> None:
    await plain.execute("INSERT INTO sessions (name, user_id, project_id) VALUES ('s', 1, $1)", projects[0])

    async def times() -> tuple[datetime, datetime]:
        row = await plain.fetchrow(
            "SELECT last_activity, updated_at FROM projects WHERE id = $1", projects[0]
        )
        assert row is not None
        return row["last_activity"], row["updated_at"]

    active, updated = await times()
    await plain.execute("UPDATE sessions SET last_accessed = NOW()")
    assert (await times())[0] > active
    assert (await times())[1] == updated
    await plain.execute("UPDATE projects SET description = 'changed by somebody' WHERE id = $1", projects[0])
    assert (await times())[1] > updated


async def test_counts_stay_exact_and_nobody_deadlocks_when_many_insert_move_and_delete(
    plain: Connection, projects: list[int], database_url: str
) -> None:
    """Statements of several rows each, in any order of projects, from eight connections."""
    await plain.execute(
        "INSERT INTO sessions (name, user_id, project_id)"
        " SELECT 's', 1, ($1::int[])[1 + n % 4] FROM generate_series(0, 79) AS n",
        projects,
    )

    async def work(seed: int) -> None:
        chance = random.Random(seed)
        connection = await asyncpg.connect(database_url)
        try:
            for number in range(25):
                some = chance.sample(projects, 3)
                match chance.randrange(4):
                    case 0:
                        await connection.execute(
                            "INSERT INTO sessions (name, user_id, project_id)"
                            " SELECT 's', 1, unnest($1::int[])",
                            some,
                        )
                    case 1:
                        await connection.execute(
                            "UPDATE sessions SET project_id = CASE project_id WHEN $1 THEN $2 ELSE $1 END"
                            " WHERE id IN (SELECT id FROM sessions WHERE project_id IN ($1, $2)"
                            " ORDER BY random() LIMIT 5 FOR UPDATE SKIP LOCKED)",
                            some[0],
                            some[1],
                        )
                    case 2:
                        await connection.execute(
                            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
                            " ORDER BY random() LIMIT 4 FOR UPDATE SKIP LOCKED)"
                        )
                    case _:
                        await connection.execute(WORKTREE, 1, some[0], f"/w/{seed}/{number}")
        finally:
            await connection.close()

    await asyncio.gather(*(work(seed) for seed in range(8)))
    assert sum(await assert_exact(plain)) > 0


async def test_sessions_that_swap_projects_in_opposite_directions_wait_for_each_other(
    plain: Connection, projects: list[int], database_url: str
) -> None:
    first, second = projects[:2]
    await plain.executemany(
        "INSERT INTO sessions (name, user_id, project_id) VALUES ('s', 1, $1)",
        [(project,) for project in (first, second) * 20],
    )

    there, back = [
        [row["id"] for row in await plain.fetch("SELECT id FROM sessions WHERE project_id = $1", project)]
        for project in (first, second)
    ]

    async def move(sessions: list[int], target: int) -> None:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
        try:
            for session in sessions:
                await connection.execute("UPDATE sessions SET project_id = $1 WHERE id = $2", target, session)
        finally:
            await connection.close()

    await asyncio.gather(move(there, second), move(back, first))
    assert await assert_exact(plain) == [20, 20, 0, 0]
