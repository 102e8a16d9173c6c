"""Tasks are claimed by one instance each, under a lease (decision 24).

Most of the time agents ask for work where there is none. So a claim first looks, over a reading connection
and for all who ask at that moment, and only what is found is claimed, in one statement. A transaction is left
for what that statement cannot decide: claims that ran out, and callers who may not claim.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

from models.enums import TaskStatus, TaskType, listed
from models.readiness import IS_WAITING, WAITING, not_blocked
from services.core.errors import BadInput, Conflict
from services.tasks.leases import LEASE, requeue_expired, require_lease
from services.tasks.tasks import is_held_by
from services.writing.action import Action, Done, SingleStatement, Transaction, Undecided
from services.writing.archived import archived, archived_condition
from services.writing.lifecycles import ALIVE, TASK
from services.writing.permissions import predicates, require_change
from services.writing.rows import lock_row
from services.writing.single_statement import SET_ACTOR, audit_insert
from services.writing.tables import TABLES

_TABLE: Final = TABLES["tasks"]

_MOST_LOOKS: Final = 500
"""Claims of one read."""

_CLAIMANT: Final = (
    f"SELECT status, project_id, {archived_condition('cc_instances', 't')} AS archived"
    " FROM cc_instances t WHERE id = $1 FOR KEY SHARE"
)

_NOT_BLOCKED: Final = not_blocked("t", one_by_one=True)

_RUN: Final = TASK.assignments(TaskStatus.RUNNING, after=WAITING)

# The order of idx_tasks_claim, which holds waiting tasks only.
_NEXT: Final = f"""
SELECT t.id FROM tasks t
WHERE t.project_id = $1 AND t.status {IS_WAITING}
  AND (t.assigned_to IS NULL OR t.assigned_to = $2)
  AND ($3::text[] IS NULL OR t.task_type = ANY($3))
  AND {_NOT_BLOCKED}
ORDER BY t.priority DESC, t.created_at, t.id
LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
"""

# A statement of its own sees dependencies that were added while the task was being locked.
_CLAIM: Final = f"""
UPDATE tasks t SET {_RUN}, assigned_to = $2, lease_expires_at = now() + $3::interval
WHERE t.id = $1 AND {_NOT_BLOCKED}
RETURNING t.id
"""

_LIVING: Final = f"t.status IN ({listed(ALIVE)}) AND NOT {archived_condition('cc_instances', 't')}"

# The two at once. A lease that ran out leaves all to a transaction, which queues its task again, perhaps as
# the first one. The project is a subquery so that the index still gives the order.
_CLAIM_NEXT: Final = f"""
WITH claimant AS (
    SELECT t.id, t.project_id, {SET_ACTOR} AS actor FROM cc_instances t
    WHERE t.id = $6::uuid AND {_LIVING} AND {{allowed}}
    FOR KEY SHARE OF t
), expired AS (
    SELECT held.id FROM tasks held JOIN claimant USING (project_id)
    WHERE held.lease_expires_at < now() AND held.status = 'RUNNING' LIMIT 1
), next AS (
    SELECT t.id FROM tasks t
    WHERE t.project_id = (SELECT project_id FROM claimant WHERE actor IS NOT NULL)
      AND t.status {IS_WAITING}
      AND (t.assigned_to IS NULL OR t.assigned_to = $6)
      AND ($7::text[] IS NULL OR t.task_type = ANY($7))
      AND {_NOT_BLOCKED}
      AND NOT EXISTS (SELECT FROM expired)
    ORDER BY t.priority DESC, t.created_at, t.id
    LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
), claimed AS (
    UPDATE tasks SET {_RUN}, assigned_to = $6, lease_expires_at = now() + $8::interval
    FROM next WHERE tasks.id = next.id
    RETURNING tasks.id
), traced AS (
    {audit_insert("claimed", "jsonb_build_object('ccInstanceId', $6::uuid, 'key', id)")}
)
SELECT (SELECT id FROM claimed) AS id,
    EXISTS (SELECT FROM claimant) AND NOT EXISTS (SELECT FROM expired) AS is_in_order
"""

# Each claimant is looked up in the index for its project: subqueries of one row are not made joins.
_LOOK: Final = f"""
WITH claimant AS (
    SELECT asked.position, asked.task_types, t.id, t.project_id
    FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS asked (id, task_types, position)
    JOIN cc_instances t ON t.id = asked.id
    WHERE {_LIVING} AND $1::int IS NOT NULL AND {{allowed}}
)
SELECT claimant.position,
    (SELECT true FROM tasks held
     WHERE held.project_id = claimant.project_id AND held.lease_expires_at < now() AND held.status = 'RUNNING'
     LIMIT 1) AS has_expired,
    (SELECT true FROM tasks t
     WHERE t.project_id = claimant.project_id AND t.status {IS_WAITING}
       AND (t.assigned_to IS NULL OR t.assigned_to = claimant.id)
       AND (claimant.task_types IS NULL OR t.task_type = ANY(string_to_array(claimant.task_types, ',')))
       AND {_NOT_BLOCKED}
     LIMIT 1) AS is_ready
FROM claimant
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An instance that asks for work; `task_types` None is any."""

    instance_id: UUID
    lease: timedelta = LEASE
    task_types: tuple[TaskType, ...] | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The instance has this task now."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class NothingReady:
    """Nothing is ready for the instance, which lives and may be acted for; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Something is ready for the instance, or was a moment ago."""


Readiness: TypeAlias = Ready | NothingReady | Undecided
Decision: TypeAlias = Claimed | NothingReady | Undecided


async def claim_next(action: Action, claim: Claim) -> UUID | None:
    """Give the instance the first ready task of its project and return its key; None when there is none.

    First means the highest priority, then the oldest. Concurrent callers never get the same task. The claim
    ends with its lease unless `report` renews it; the task is then queued again. Where nothing is ready this
    is one read, with no audit row.

    Raises: NotFound and Forbidden for the instance, Conflict when it has ended, BadInput for the lease.
    """
    require_lease(claim.lease)
    match await attempt_next(action, claim):
        case Claimed(task_id):
            return task_id
        case NothingReady():
            return None
    async with action.transaction(ccInstanceId=claim.instance_id) as transaction:
        return await _claim_next(transaction, claim)


async def attempt_next(action: Action, claim: Claim) -> Decision:
    """Claim the next task, as `claim_next` does, where that takes no transaction."""
    found = await look(action, claim)
    if not isinstance(found, Ready):
        return found
    seen, changed = predicates(action.principal, "cc_instances", "$1::int")
    sql = _CLAIM_NEXT.format(allowed=f"{seen} AND {changed}")
    types = None if claim.task_types is None else [str(kind) for kind in claim.task_types]
    statement: SingleStatement[UUID] = SingleStatement(sql, (claim.instance_id, types, claim.lease))
    match await action.attempt(statement):
        case Done(task_id):
            return Claimed(task_id)
        case Undecided(row) if row is not None and row["is_in_order"]:
            return NothingReady()  # others were faster
        case _:
            return Undecided()


async def look(action: Action, claim: Claim) -> Readiness:
    """Look for a ready task, in one read for all who ask in one person's name now.

    Undecided where the caller may not act for the instance, where it has ended, and where a claim ran out.
    """
    database, principal = action.database, action.principal
    seen, changed = predicates(principal, "cc_instances", "$1::int")
    sql = _LOOK.format(allowed=f"{seen} AND {changed}")

    async def look_together(claims: Sequence[Claim]) -> list[Readiness]:
        types = [None if each.task_types is None else ",".join(each.task_types) for each in claims]
        instances = [each.instance_id for each in claims]
        async with database.reading.of(principal.user_id), database.primary.acquire() as connection:
            rows = await connection.fetch(sql, principal.user_id, instances, types)
        found: list[Readiness] = [Undecided()] * len(claims)
        for row in rows:
            if not row["has_expired"]:
                found[row["position"] - 1] = Ready() if row["is_ready"] else NothingReady()
        return found

    kind = ("claim", principal.user_id, principal.is_admin)
    return await database.batcher.submit(kind, claim, look_together, max_batch=_MOST_LOOKS)


async def claim(action: Action, task_id: UUID, claimed: Claim) -> UUID | None:
    """Give the instance this very task, if it is ready; None where the instance holds it already.

    Raises: what `claim_next` does, NotFound and Forbidden for the task, and Conflict when it is not ready.
    """
    require_lease(claimed.lease)
    async with action.transaction(key=task_id, ccInstanceId=claimed.instance_id) as transaction:
        project_id = await _require_living(transaction, claimed.instance_id)
        row = await lock_row(transaction, _TABLE, task_id, "input.taskId")
        if row["project_id"] != project_id:
            raise BadInput("This task belongs to another project than the instance.", field="input.taskId")
        if is_held_by(row, claimed.instance_id):
            return None
        if row["status"] not in WAITING:
            raise Conflict(f"This task is {row['status']} and cannot be claimed.", field="input.taskId")
        given = (task_id, claimed.instance_id, claimed.lease)
        if (await transaction.connection.exec_driver_sql(_CLAIM, given)).first() is None:
            raise Conflict("This task waits for others that have not completed.", field="input.taskId")
        return task_id


async def _claim_next(transaction: Transaction, claim: Claim) -> UUID | None:
    """`claim_next` with every check that has a message, and with the tasks whose claim ran out."""
    connection = transaction.connection
    project_id = await _require_living(transaction, claim.instance_id)
    requeued = await requeue_expired(connection, project_id)
    types = None if claim.task_types is None else [str(kind) for kind in claim.task_types]
    task_id: UUID | None = None
    while True:
        found = await connection.exec_driver_sql(_NEXT, (project_id, claim.instance_id, types))
        next_id = found.scalar()
        if next_id is None:
            break
        claimed = await connection.exec_driver_sql(_CLAIM, (next_id, claim.instance_id, claim.lease))
        if claimed.first() is not None:
            task_id = UUID(str(next_id))
            break
    transaction.details["key"] = task_id
    transaction.has_changes = task_id is not None or requeued > 0
    return task_id


async def _require_living(transaction: Transaction, instance_id: UUID) -> UUID | None:
    """The project of an instance that the caller may act for and that has not ended."""
    field = "input.ccInstanceId"
    connection = transaction.connection
    await require_change(connection, transaction.principal, "cc_instances", instance_id, field=field)
    row = (await connection.exec_driver_sql(_CLAIMANT, (instance_id,))).mappings().one()
    if row["archived"]:
        raise archived(field)
    if row["status"] not in ALIVE:
        raise Conflict(f"This instance is {row['status']}: start it before it claims tasks.", field=field)
    project_id: UUID | None = row["project_id"]
    return project_id
