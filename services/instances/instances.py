"""Claude Code instances: created, started, heard of, ended, in a tree (terminal §4.1, decisions 23 to 25)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from models.enums import CcInstanceStatus, UltrathinkInstructionType, listed
from services.core.errors import BadInput
from services.instances import ultrathink
from services.writing.action import Action, Transaction
from services.writing.ended_instances import let_go
from services.writing.lifecycles import ALIVE, CC_INSTANCE
from services.writing.permissions import predicates, require_change
from services.writing.references import require_reference
from services.writing.rows import create, lock_row, uuid_key, write_changes
from services.writing.single_statement import ASYNC_COMMIT
from services.writing.tables import TABLES

MAX_HEARTBEATS: Final = 1_000

_TABLE: Final = TABLES["cc_instances"]

_STOPPABLE: Final = CC_INSTANCE.before(CcInstanceStatus.STOPPED)

# Locked in the order of their keys, so that two calls with the same instances do not block each other. It
# does not wait for the disk: the signs of a second that a crash of PostgreSQL takes are followed by others,
# and no instance counts as silent before there was time for them (services/instances/heartbeats.py).
_RECORD: Final = f"""
UPDATE cc_instances SET last_heartbeat = now()
WHERE id IN (
    SELECT t.id FROM cc_instances t, {ASYNC_COMMIT}
    WHERE t.id = ANY($1::uuid[]) AND t.status IN ({listed(ALIVE)}) AND $2::int IS NOT NULL
      AND {{changeable}}
    ORDER BY t.id FOR NO KEY UPDATE OF t {{locked}})
RETURNING id
"""

_SUBTREE: Final = f"""
WITH RECURSIVE subtree(id) AS (
    SELECT $1::uuid
    UNION
    SELECT child.id FROM cc_instances child JOIN subtree ON child.parent_instance_id = subtree.id
)
SELECT id FROM cc_instances WHERE id IN (SELECT id FROM subtree) AND status IN ({listed(_STOPPABLE)})
ORDER BY id FOR NO KEY UPDATE
"""

_STOP: Final = f"""
UPDATE cc_instances SET {CC_INSTANCE.assignments(CcInstanceStatus.STOPPED, after=_STOPPABLE)},
                        exit_code = COALESCE($2, exit_code)
WHERE id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class InstanceMove:
    """A step in the life of an instance, and what is known with it."""

    instance_id: UUID
    status: CcInstanceStatus
    process_id: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class NewChild:
    """A child with what it needs to begin, by column name; `task` is a new one, `task_id` one that exists."""

    parent_instance_id: UUID
    instance: Mapping[str, object]
    worktree: Mapping[str, object] | None = None
    task: Mapping[str, object] | None = None
    task_id: UUID | None = None
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedChild:
    """The keys of what was made."""

    instance_id: UUID
    git_worktree_id: UUID | None
    task_id: UUID | None
    ultrathink_message_id: UUID | None


async def create_child(action: Action, child: NewChild) -> CreatedChild:
    """Make a child instance with its worktree, its task and its first instruction, all or nothing.

    Raises: the errors of `create` for each of them, Conflict when the parent has stopped, NotFound or
    BadInput for a task that is not seen, of another project, or given beside a new one.
    """
    parent_id = child.parent_instance_id
    async with action.transaction(parentInstanceId=parent_id) as transaction:
        parent = await lock_row(transaction, _TABLE, parent_id, "input.parentInstanceId")
        shared = {"project_id": parent["project_id"]}
        if child.task_id is not None:
            await _require_task(transaction, child, {**shared, "task_id": child.task_id})
        given = {**child.instance, **shared, "parent_instance_id": parent_id}
        if child.worktree is not None:
            given.setdefault("worktree_path", child.worktree.get("worktree_path"))
        instance_id = uuid_key(await create(transaction, "cc_instances", given, "input.instance"))
        task_id = child.task_id
        if child.task is not None:
            task = {**child.task, **shared, "assigned_to": instance_id}
            task_id = uuid_key(await create(transaction, "tasks", task, "input.task"))
        worktree_id = None
        if child.worktree is not None:
            worktree = {**child.worktree, **shared, "cc_instance_id": instance_id, "task_id": task_id}
            worktree_id = uuid_key(await create(transaction, "git_worktrees", worktree, "input.worktree"))
        message_id = None
        if child.instruction is not None:
            message = {
                "parent_instance_id": parent_id,
                "child_instance_id": instance_id,
                "task_id": task_id,
                "instruction_type": UltrathinkInstructionType.TASK_ASSIGNMENT,
                "instruction_content": child.instruction,
            }
            message_id = await ultrathink.store(transaction, message)
        transaction.details["key"] = instance_id
    return CreatedChild(instance_id, worktree_id, task_id, message_id)


async def move(action: Action, wanted: InstanceMove) -> None:
    """Change an instance's status and stamp the time of the step; repeating a step changes nothing.

    Raises: NotFound or Forbidden for the instance, Conflict for a step that makes no sense (decision
    24: STOPPED never runs again), QuotaExceeded when `max_parallel_cc` of the project are running.
    """
    async with action.transaction(key=wanted.instance_id, status=wanted.status.name) as transaction:
        row = await lock_row(transaction, _TABLE, wanted.instance_id)
        if row["status"] == wanted.status:
            return
        changes: dict[str, Any] = {"status": wanted.status}
        if wanted.process_id is not None:
            changes["process_id"] = wanted.process_id
        if wanted.exit_code is not None:
            changes["exit_code"] = wanted.exit_code
        await write_changes(transaction, _TABLE, row, changes, "input")


async def terminate(action: Action, instance_id: UUID, exit_code: int | None = None) -> list[UUID]:
    """Stop an instance and all below it that still live; what they have under way ends (`let_go`).

    Gives the keys of those it stopped. Raises: NotFound or Forbidden for the instance.
    """
    async with action.transaction(key=instance_id) as transaction:
        connection, principal = transaction.connection, transaction.principal
        await require_change(connection, principal, "cc_instances", instance_id, field="input.id")
        stopped: list[UUID] = []
        # No instance gets a child once it is locked; those that came while it was waited for are found next.
        while living := list((await connection.exec_driver_sql(_SUBTREE, (instance_id,))).scalars()):
            await connection.exec_driver_sql(_STOP, (living, exit_code))
            stopped += living
        await let_go(connection, stopped)
        transaction.details["stopped"] = stopped
    return stopped


async def record_heartbeats(action: Action, instance_ids: Sequence[UUID]) -> list[UUID]:
    """Note a sign of life of each instance; the keys of those that live. One statement for all who call now.

    What the caller may not change is left out, and so is what has ended: that is started again, or not at
    all. A sign of life is no change that a person makes: it has no audit row, and subscribers hear nothing.

    Raises: BadInput for more than 1,000.
    """
    if len(instance_ids) > MAX_HEARTBEATS:
        raise BadInput(f"One call takes at most {MAX_HEARTBEATS:,} instances.", field="input.ids")
    if not instance_ids:
        return []
    principal = action.principal
    changeable = predicates(principal, "cc_instances")[1]

    async def record(ids: Iterable[UUID], *, locked: str) -> set[UUID]:
        sql = _RECORD.format(changeable=changeable, locked=locked)
        return {row["id"] for row in await action.note(sql, list(ids), principal.user_id)}

    async def record_together(calls: Sequence[Sequence[UUID]]) -> list[set[UUID]]:
        alive = await record({key for ids in calls for key in ids}, locked="SKIP LOCKED")
        return [alive.intersection(ids) for ids in calls]

    kind = ("heartbeat", principal.user_id, principal.is_admin)
    alive = await action.database.batcher.submit(kind, instance_ids, record_together)
    # An instance that is being changed holds up those alone who speak of it.
    if missing := set(instance_ids) - alive:
        alive |= await record(missing, locked="")
    return [key for key in dict.fromkeys(instance_ids) if key in alive]


async def _require_task(transaction: Transaction, child: NewChild, referring: Mapping[str, Any]) -> None:
    """The task that a child is told to work on, also where nothing that is made refers to it."""
    if child.task is not None:
        raise BadInput("Give a new task or the key of one, not both.", field="input.taskId")
    connection, principal = transaction.connection, transaction.principal
    worktrees = TABLES["git_worktrees"]
    await require_reference(connection, principal, worktrees, "task_id", referring, "input.taskId")
