"""What a person may use is counted exactly, however many creations arrive at once (decision 23)."""

import asyncio
from typing import Any

from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene

SESSION = "mutation($input: CreateSessionInput!) { createSession(input: $input) { session { id } } }"
WORKTREE = "mutation($input: CreateWorktreeInput!) { createWorktree(input: $input) { worktree { id } } }"

GIGABYTE = 1024**3


async def limit(database: Database, scene: Scene, quota: str) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE users SET resource_quota = resource_quota || CAST(:quota AS jsonb) WHERE id = :id"),
            {"quota": quota, "id": scene.owner.user_id},
        )


def refusals(responses: list[Any]) -> list[str]:
    return [error["extensions"]["code"] for response in responses for error in response.get("errors", ())]


async def test_a_rush_makes_exactly_as_many_sessions_as_the_quota_allows(
    database: Database, scene: Scene, caller: Caller
) -> None:
    await limit(database, scene, '{"max_sessions": 3}')

    responses = await asyncio.gather(
        *(caller.response(scene.owner, SESSION, input={"name": f"s{number}"}) for number in range(12))
    )

    assert refusals(responses) == ["QUOTA_EXCEEDED"] * 9
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM sessions")) == 3


async def test_a_rush_of_worktrees_keeps_to_their_number_and_to_the_storage(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async def rush(size: int, *, names: str) -> list[str]:
        return refusals(
            await asyncio.gather(
                *(
                    caller.response(
                        scene.owner,
                        WORKTREE,
                        input={
                            "repositoryPath": "/srv/repository",
                            "worktreePath": f"/srv/{names}/{number}",
                            "branchName": "main",
                            "totalSizeBytes": str(size),
                        },
                    )
                    for number in range(8)
                )
            )
        )

    await limit(database, scene, '{"max_worktrees": 5, "storage_limit_gb": 2}')
    by_storage = await rush(GIGABYTE, names="large")
    by_number = await rush(0, names="small")

    assert by_storage == ["QUOTA_EXCEEDED"] * 6
    assert by_number == ["QUOTA_EXCEEDED"] * 5
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM worktrees")) == 5
        assert await connection.scalar(text("SELECT sum(total_size_bytes) FROM worktrees")) == 2 * GIGABYTE
