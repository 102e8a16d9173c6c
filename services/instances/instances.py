"""Claude Code instances: born, started, heard of, ended, in a tree (terminal §4.1, decisions 23 to 25)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from models.enums import CcInstanceStatus, UltrathinkInstructionType
from services.core.database import Database, WriteConnection
from services.core.errors import BadInput
from services.core.principal import Principal
from services.instances import ultrathink
from services.secrets.vault import Vault
from services.writing.permissions import predicates, require_change
from services.writing.references import require_reference
from services.writing.rows import apply, create, hold
from services.writing.single_statement import UNFLUSHED
from services.writing.tables import TABLES
from services.writing.task_claims import release_claims

MAX_HEARTBEATS: Final = 1_000

_TABLE: Final = TABLES["cc_instances"]

# Locked in the order of their keys, so that two calls with the same instances do not block each other. It
# does not wait for the disk: the signs of a second that a crash of PostgreSQL takes are followed by others,
# and nobody counts as silent before there was time for them (services/instances/heartbeats.py).
_HEAR: Final = f"""
UPDATE cc_instances SET last_heartbeat = now()
WHERE id IN (
    SELECT t.id FROM cc_instances t, {UNFLUSHED}
    WHERE t.id = ANY($1::uuid[]) AND t.status IN ('IDLE', 'RUNNING') AND $2::int IS NOT NULL
      AND {{changeable}}
    ORDER BY t.id FOR NO KEY UPDATE OF t {{locked}})
RETURNING id
"""

_SUBTREE: Final = """
WITH RECURSIVE subtree(id) AS (
    SELECT $1::uuid
    UNION
    SELECT child.id FROM cc_instances child JOIN subtree ON child.parent_instance_id = subtree.id
)
SELECT id FROM cc_instances WHERE id IN (SELECT id FROM subtree) AND status <> 'STOPPED'
ORDER BY id FOR NO KEY UPDATE
"""

_STOP: Final = """
UPDATE cc_instances SET status = 'STOPPED', terminated_at = now(), exit_code = COALESCE($2, exit_code)
WHERE id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class InstanceMove:
    """What an instance becomes, and what is known with it."""

    instance_id: UUID
    status: CcInstanceStatus
    process_id: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Birth:
    """A child with what it needs to begin, by column name; `task` is a new one, `task_id` one that exists."""

    parent_instance_id: UUID
    instance: Mapping[str, object]
    worktree: Mapping[str, object] | None = None
    task: Mapping[str, object] | None = None
    task_id: UUID | None = None
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class Born:
    """The keys of what was made."""

    instance_id: UUID
    git_worktree_id: UUID | None
    task_id: UUID | None
    ultrathink_message_id: UUID | None


async def create_child(
    connection: WriteConnection, principal: Principal, birth: Birth, vault: Vault | None = None
) -> Born:
    """Make a child instance with its worktree, its task and its first instruction, all or nothing.

    `vault` opens what is sealed in `birth`, to compare it when a call is repeated. Raises the errors of
    `create` for each of them, `Conflict` when the parent has stopped, and `NotFound` or `BadInput` for a task
    that is not seen, of another project, or given beside a new one.
    """
    row = await hold(connection, principal, _TABLE, birth.parent_instance_id, "input.parentInstanceId")
    shared = {"project_id": row["project_id"]}
    if birth.task_id is not None:
        if birth.task is not None:
            raise BadInput("Give a new task or the key of one, not both.", field="input.taskId")
        # Also where nothing that is made refers to it: the child is told to work on it.
        referring = {**shared, "task_id": birth.task_id}
        worktrees = TABLES["git_worktrees"]
        await require_reference(connection, principal, worktrees, "task_id", referring, "input.taskId")
    given = {**birth.instance, **shared, "parent_instance_id": birth.parent_instance_id}
    if birth.worktree is not None:
        given.setdefault("worktree_path", birth.worktree.get("worktree_path"))
    instance_id = await create(connection, principal, "cc_instances", given, "input.instance", vault)
    task_id = birth.task_id
    if birth.task is not None:
        task = {**birth.task, **shared, "assigned_to": instance_id}
        task_id = await create(connection, principal, "tasks", task, "input.task", vault)
    worktree_id = None
    if birth.worktree is not None:
        worktree = {**birth.worktree, **shared, "cc_instance_id": instance_id, "task_id": task_id}
        worktree_id = await create(connection, principal, "git_worktrees", worktree, "input.worktree")
    message_id = None
    if birth.instruction is not None:
        message_id = await ultrathink.send(
            connection,
            principal,
            {
                "parent_instance_id": birth.parent_instance_id,
                "child_instance_id": instance_id,
                "task_id": task_id,
                "instruction_type": UltrathinkInstructionType.TASK_ASSIGNMENT,
                "instruction_content": birth.instruction,
            },
        )
    return Born(instance_id, worktree_id, task_id, message_id)


async def move(connection: WriteConnection, principal: Principal, wanted: InstanceMove) -> None:
    """Change an instance's status and stamp the time of the step; repeating a step changes nothing.

    Raises `NotFound` or `Forbidden` for the instance, `Conflict` for a step that makes no sense (decision
    24: STOPPED never runs again), `QuotaExceeded` when `max_parallel_cc` of the project are running.
    """
    row = await hold(connection, principal, _TABLE, wanted.instance_id)
    if row["status"] == wanted.status:
        return
    changes: dict[str, Any] = {"status": wanted.status}
    if wanted.process_id is not None:
        changes["process_id"] = wanted.process_id
    if wanted.exit_code is not None:
        changes["exit_code"] = wanted.exit_code
    await apply(connection, _TABLE, wanted.instance_id, row, changes, "input")


async def terminate(
    connection: WriteConnection, principal: Principal, instance_id: UUID, exit_code: int | None = None
) -> list[UUID]:
    """Stop an instance and all below it that still live; their claimed tasks are queued again.

    Gives the keys of those it stopped. Raises `NotFound` or `Forbidden` for the instance.
    """
    await require_change(connection, principal, "cc_instances", instance_id, field="input.id")
    stopped: list[UUID] = []
    # Nobody gets a child any more once it is locked; those that came while it was waited for are found next.
    while living := list((await connection.exec_driver_sql(_SUBTREE, (instance_id,))).scalars()):
        await connection.exec_driver_sql(_STOP, (living, exit_code))
        stopped += living
    await release_claims(connection, stopped)
    return stopped


async def hear(database: Database, principal: Principal, instance_ids: Sequence[UUID]) -> list[UUID]:
    """Note a sign of life of each instance; the keys of those that live. One statement for all who call now.

    What the caller may not change is left out, and so is what has ended: that is started again, or not at
    all. `BadInput` for more than 1,000.
    """
    if len(instance_ids) > MAX_HEARTBEATS:
        raise BadInput(f"One call takes at most {MAX_HEARTBEATS:,} instances.", field="input.ids")
    changeable = predicates(principal, "cc_instances")[1]

    async def note(ids: Iterable[UUID], *, locked: str) -> set[UUID]:
        statement = _HEAR.format(changeable=changeable, locked=locked)
        async with database.at_once.acquire() as connection:
            heard = await connection.fetch(statement, list(ids), principal.user_id)
        return {row["id"] for row in heard}

    async def note_together(calls: Sequence[Sequence[UUID]]) -> list[set[UUID]]:
        heard = await note({key for ids in calls for key in ids}, locked="SKIP LOCKED")
        return [heard.intersection(ids) for ids in calls]

    kind = ("heartbeat", principal.user_id, principal.is_admin)
    heard = await database.batcher.submit(kind, instance_ids, note_together)
    # An instance that is being changed holds up nobody but those who speak of it.
    if missing := set(instance_ids) - heard:
        heard |= await note(missing, locked="")
    return [key for key in dict.fromkeys(instance_ids) if key in heard]
