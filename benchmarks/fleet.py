"""A small fleet to write for: a person, a project, its instances and its tasks, of which some are blocked."""

import random
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

OWNER = "bench"
AGENTS = 50
INSTANCES = 1_000
BLOCKED = 0.02
"""Blocked tasks for each one that is ready."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PROJECT = """
WITH person AS (
    INSERT INTO users (username, email, hashed_password, resource_quota)
    VALUES ($1::text, $1::text || '@example.com', 'no password opens this', '{}') RETURNING id
)
INSERT INTO projects (project_id, name, owner_id, project_type, local_path)
SELECT $2, 'Speed', id, 'api', '/srv/speed' FROM person
"""

_INSTANCES = """
INSERT INTO cc_instances (id, project_id, name, type, status, worktree_path)
SELECT id, $1, 'agent ' || number, 'PARENT', 'RUNNING', '/srv/speed/' || number
FROM unnest($2::uuid[]) WITH ORDINALITY AS given (id, number)
"""

_TASKS = """
INSERT INTO tasks (id, project_id, name, description, status, priority, task_type)
SELECT id, $1, 'task ' || number, 'One of many', $4, priority, 'development'
FROM unnest($2::uuid[], $3::integer[]) WITH ORDINALITY AS given (id, priority, number)
"""

_BLOCK = """
INSERT INTO task_dependencies (task_id, dependency_task_id, dependency_type)
SELECT blocked, $2, 'blocks' FROM unnest($1::uuid[]) AS blocked
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Keys of what there is. `ready` and `blocked` are tasks of the project."""

    project_id: UUID
    instances: tuple[UUID, ...]
    ready: tuple[UUID, ...]
    blocked: tuple[UUID, ...]


async def make_fleet(connection: Connection, tasks: int) -> Fleet:
    """Write the fleet, with so many ready tasks, into an empty database.

    Blocked tasks have all priorities, as the ready ones do.
    """
    chance = random.Random(1)
    project_id, failed = uuid7(), uuid7()
    instances, ready, blocked = (
        tuple(uuid7() for _ in range(count)) for count in (INSTANCES, tasks, round(tasks * BLOCKED))
    )
    await connection.execute(_PROJECT, OWNER, project_id)
    await connection.execute(_INSTANCES, project_id, instances)
    waiting = chance.sample([*ready, *blocked], len(ready) + len(blocked))
    priorities = [chance.randint(1, 10) for _ in waiting]
    await connection.execute(_TASKS, project_id, waiting, priorities, "PENDING")
    await connection.execute(_TASKS, project_id, [failed], [10], "FAILED")
    await connection.execute(_BLOCK, blocked, failed)
    await connection.execute("VACUUM (ANALYZE)")
    return Fleet(project_id, instances, ready, blocked)
