"""Tasks: claimed by one instance under a lease, reported on, ended by their holder (decision 24)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from models.enums import CcInstanceStatus, TaskStatus, TaskType
from services.core.background import repeatedly
from services.core.database import Database, WriteConnection
from services.core.errors import BadInput, Conflict
from services.core.principal import Principal
from services.writing.appending import append
from services.writing.archived import at_rest, is_at_rest
from services.writing.dependencies import NOT_BLOCKED
from services.writing.permissions import predicates, require_change
from services.writing.rows import apply, hold
from services.writing.single_statement import ACTING, Caller, traced
from services.writing.tables import TABLES
from services.writing.values import parameters

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=5)
LONGEST_LEASE: Final = timedelta(days=1)

_TABLE: Final = TABLES["tasks"]

_CLAIMANT: Final = (
    f"SELECT status, project_id, {is_at_rest('cc_instances', 't')} AS at_rest"
    " FROM cc_instances t WHERE id = $1 FOR KEY SHARE"
)

_REQUEUE: Final = """
UPDATE tasks SET status = 'QUEUED', queued_at = now(), assigned_to = NULL, lease_expires_at = NULL,
                 started_at = NULL
WHERE id IN (
    SELECT id FROM tasks
    WHERE lease_expires_at < now() AND status = 'RUNNING' AND ($1::uuid IS NULL OR project_id = $1)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
"""

# The order of idx_tasks_claim, which holds waiting tasks only.
_NEXT: Final = f"""
SELECT t.id FROM tasks t
WHERE t.project_id = $1 AND t.status IN ('PENDING', 'QUEUED')
  AND (t.assigned_to IS NULL OR t.assigned_to = $2)
  AND ($3::text[] IS NULL OR t.task_type = ANY($3))
  AND {NOT_BLOCKED}
ORDER BY t.priority DESC, t.created_at, t.id
LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
"""

# A statement of its own sees dependencies that were added while the task was being locked.
_CLAIM: Final = f"""
UPDATE tasks t SET status = 'RUNNING', assigned_to = $2, started_at = now(),
                   lease_expires_at = now() + $3::interval
WHERE t.id = $1 AND {NOT_BLOCKED}
RETURNING t.id
"""


# The two at once. A lease that ran out leaves all to the long way, which queues its task again, perhaps as
# the first one. The project is a subquery so that the index still gives the order.
_CLAIM_NEXT: Final = f"""
WITH claimant AS (
    SELECT t.id, t.project_id, {ACTING} AS actor FROM cc_instances t
    WHERE t.id = $6::uuid AND t.status IN ('IDLE', 'RUNNING')
      AND NOT {is_at_rest("cc_instances", "t")} AND {{allowed}}
    FOR KEY SHARE OF t
), next AS (
    SELECT t.id FROM tasks t
    WHERE t.project_id = (SELECT project_id FROM claimant WHERE actor IS NOT NULL)
      AND t.status IN ('PENDING', 'QUEUED')
      AND (t.assigned_to IS NULL OR t.assigned_to = $6)
      AND ($7::text[] IS NULL OR t.task_type = ANY($7))
      AND {NOT_BLOCKED}
      AND NOT EXISTS (SELECT FROM tasks held JOIN claimant USING (project_id)
                      WHERE held.lease_expires_at < now() AND held.status = 'RUNNING')
    ORDER BY t.priority DESC, t.created_at, t.id
    LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
), claimed AS (
    UPDATE tasks SET status = 'RUNNING', assigned_to = $6, started_at = now(),
                     lease_expires_at = now() + $8::interval
    FROM next WHERE tasks.id = next.id
    RETURNING tasks.id
), traced AS (
    {traced("claimed", "jsonb_build_object('ccInstanceId', $6::uuid, 'key', id)")}
)
SELECT id FROM claimed
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An instance that asks for work; `task_types` None is any."""

    instance_id: UUID
    lease: timedelta = LEASE
    task_types: tuple[TaskType, ...] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the holder of a task says about it; `metrics` is any JSON."""

    task_id: UUID
    instance_id: UUID
    message: str | None = None
    metrics: object = None


async def claim_next_at_once(caller: Caller, claim: Claim) -> UUID | None:
    """What `claim_next` does, in one statement; None when there is no task, or something else than a task."""
    _require_lease(claim.lease)
    types = None if claim.task_types is None else [str(kind) for kind in claim.task_types]
    seen, changed = predicates(caller.principal, "cc_instances", "$1::int")
    statement = _CLAIM_NEXT.format(allowed=f"{seen} AND {changed}")
    task_id: UUID | None = await caller.change(statement, claim.instance_id, types, claim.lease)
    return task_id


async def claim_next(connection: WriteConnection, principal: Principal, claim: Claim) -> UUID | None:
    """Give the instance the first ready task of its project and return its key; None when there is none.

    First means the highest priority, then the oldest. Concurrent callers never get the same task. The claim
    ends with its lease unless `report` renews it; the task is then queued again. Raises `NotFound` or
    `Forbidden` for the instance, `Conflict` when it has ended.
    """
    _require_lease(claim.lease)
    project_id = await _living(connection, principal, claim.instance_id)
    await requeue_expired(connection, project_id)
    types = None if claim.task_types is None else [str(kind) for kind in claim.task_types]
    while True:
        found = await connection.exec_driver_sql(_NEXT, (project_id, claim.instance_id, types))
        task_id = found.scalar()
        if task_id is None:
            return None
        claimed = await connection.exec_driver_sql(_CLAIM, (task_id, claim.instance_id, claim.lease))
        if claimed.first() is not None:
            return UUID(str(task_id))


async def claim(connection: WriteConnection, principal: Principal, task_id: UUID, claimed: Claim) -> None:
    """Give the instance this very task, if it is ready. Raises what `claim_next` does, and `Conflict`."""
    _require_lease(claimed.lease)
    project_id = await _living(connection, principal, claimed.instance_id)
    row = await hold(connection, principal, _TABLE, task_id, "input.taskId")
    if row["project_id"] != project_id:
        raise BadInput("This task belongs to another project than the instance.", field="input.taskId")
    if _is_held_by(row, claimed.instance_id):
        return
    if row["status"] not in (TaskStatus.PENDING, TaskStatus.QUEUED):
        raise Conflict(f"This task is {row['status']} and cannot be claimed.", field="input.taskId")
    given = (task_id, claimed.instance_id, claimed.lease)
    if (await connection.exec_driver_sql(_CLAIM, given)).first() is None:
        raise Conflict("This task waits for others that have not completed.", field="input.taskId")


async def report(
    connection: WriteConnection, principal: Principal, said: Report, lease: timedelta = LEASE
) -> None:
    """Log what the holder says and renew its lease. `Conflict` when the instance does not hold the task."""
    _require_lease(lease)
    row = await _held(connection, principal, said)
    await connection.exec_driver_sql(
        "UPDATE tasks SET lease_expires_at = now() + $2::interval WHERE id = $1", (row["id"], lease)
    )
    await _log(connection, principal, said, level="info", phase="execution")


async def complete(
    connection: WriteConnection, principal: Principal, said: Report, results: Mapping[str, object]
) -> None:
    """End a task well; `results` are columns such as `output_data`. Repeating it changes nothing.

    `actual_duration_minutes` is the time since the claim, begun minutes counted. `Conflict` when the
    instance does not hold the task.
    """
    await _end(connection, principal, said, {**results, "status": TaskStatus.COMPLETED})


async def fail(connection: WriteConnection, principal: Principal, said: Report) -> None:
    """End a task badly; `said.message` says why. `Conflict` when the instance does not hold the task."""
    await _end(connection, principal, said, {"status": TaskStatus.FAILED})


async def release(connection: WriteConnection, principal: Principal, said: Report) -> None:
    """Put a claimed task back into the queue. `Conflict` when the instance does not hold it."""
    row = await _held(connection, principal, said)
    await apply(connection, _TABLE, row["id"], row, {"status": TaskStatus.QUEUED}, "input")
    await _log(connection, principal, said, level="info", phase="cleanup")


async def requeue_expired(connection: WriteConnection, project_id: UUID | None = None) -> int:
    """Queue again the tasks whose lease ran out, of one project or all; how many those were."""
    return (await connection.exec_driver_sql(_REQUEUE, (project_id,))).rowcount


async def watch_leases(database: Database, every: float = 5.0) -> None:
    """For ever: queue expired tasks again every `every` seconds, in any number of processes at once."""

    async def requeue() -> None:
        async with database.upkeep() as connection:
            requeued = await requeue_expired(connection)
        if requeued:
            database.after_commit()
            log.info("claims_expired", tasks=requeued)

    await repeatedly(requeue, every, "leases_not_watched")


async def _end(
    connection: WriteConnection, principal: Principal, said: Report, changes: dict[str, object]
) -> None:
    row = await hold(connection, principal, _TABLE, said.task_id, "input.taskId")
    if row["status"] == changes["status"] and row["assigned_to"] == said.instance_id:
        return
    _require_holder(row, said.instance_id)
    stored = await parameters(_TABLE, changes, "input")
    await apply(connection, _TABLE, said.task_id, row, stored, "input")
    failed = changes["status"] == TaskStatus.FAILED
    await _log(
        connection,
        principal,
        said,
        level="error" if failed else "info",
        phase="error" if failed else "cleanup",
    )


async def _living(connection: WriteConnection, principal: Principal, instance_id: UUID) -> UUID | None:
    """The project of an instance that the caller may act for and that has not ended."""
    field = "input.ccInstanceId"
    await require_change(connection, principal, "cc_instances", instance_id, field=field)
    row = (await connection.exec_driver_sql(_CLAIMANT, (instance_id,))).mappings().one()
    if row["at_rest"]:
        raise at_rest(field)
    if row["status"] not in (CcInstanceStatus.IDLE, CcInstanceStatus.RUNNING):
        raise Conflict(f"This instance is {row['status']}: start it before it claims tasks.", field=field)
    project_id: UUID | None = row["project_id"]
    return project_id


async def _held(connection: WriteConnection, principal: Principal, said: Report) -> Mapping[str, Any]:
    row = await hold(connection, principal, _TABLE, said.task_id, "input.taskId")
    _require_holder(row, said.instance_id)
    return row


def _require_holder(row: Mapping[str, Any], instance_id: UUID) -> None:
    if not _is_held_by(row, instance_id):
        raise Conflict(
            "This instance does not hold the task, or no longer: its claim was released or ran out.",
            field="input.ccInstanceId",
            status=row["status"],
        )


def _is_held_by(row: Mapping[str, Any], instance_id: UUID) -> bool:
    return bool(row["status"] == TaskStatus.RUNNING and row["assigned_to"] == instance_id)


def _require_lease(lease: timedelta) -> None:
    if not timedelta(seconds=1) <= lease <= LONGEST_LEASE:
        raise BadInput("A lease lasts from 1 second to 24 hours.", field="input.leaseSeconds")


async def _log(
    connection: WriteConnection, principal: Principal, said: Report, *, level: str, phase: str
) -> None:
    if said.message is None and said.metrics is None:
        return
    entry = {
        "task_id": said.task_id,
        "cc_instance_id": said.instance_id,
        "log_level": level,
        "phase": phase,
        "message": said.message or "",
        "performance_metrics": said.metrics,
    }
    await append(connection, principal, "task_logs", [entry], ["input"])
