"""Tasks of an instance: reported on, and ended by their holder (decision 24)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from models.enums import TaskStatus
from services.core.errors import Conflict
from services.tasks.leases import LEASE, require_lease
from services.writing.action import Action, Transaction
from services.writing.appending import append
from services.writing.rows import LockedRow, lock_row, write_changes
from services.writing.tables import TABLES
from services.writing.values import parameters

_TABLE: Final = TABLES["tasks"]

_RENEW: Final = "UPDATE tasks SET lease_expires_at = now() + $2::interval WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Report:
    """A holder's report about a task; `metrics` is any JSON."""

    task_id: UUID
    instance_id: UUID
    message: str | None = None
    metrics: object = None


async def report(action: Action, said: Report, lease: timedelta = LEASE) -> None:
    """Log what the holder says and renew its lease.

    Raises: NotFound, Forbidden, BadInput for the lease, Conflict when the instance does not hold the task.
    """
    require_lease(lease)
    async with action.transaction(key=said.task_id) as transaction:
        row = await _lock_held(transaction, said)
        await transaction.connection.exec_driver_sql(_RENEW, (row.key, lease))
        await _log(transaction, said, level="info", phase="execution")


async def complete(action: Action, said: Report, results: Mapping[str, object]) -> bool:
    """End a task well; `results` are columns such as `output_data`. Repeating it changes nothing: False.

    `actual_duration_minutes` is the time since the claim, begun minutes counted. `Conflict` when the
    instance does not hold the task.
    """
    async with action.transaction(key=said.task_id) as transaction:
        return await _end(transaction, said, {**results, "status": TaskStatus.COMPLETED})


async def fail(action: Action, said: Report) -> bool:
    """End a task badly; `said.message` says why. Repeating it changes nothing: False.

    `Conflict` when the instance does not hold the task.
    """
    async with action.transaction(key=said.task_id) as transaction:
        return await _end(transaction, said, {"status": TaskStatus.FAILED})


async def release(action: Action, said: Report) -> None:
    """Put a claimed task back into the queue. `Conflict` when the instance does not hold it."""
    async with action.transaction(key=said.task_id) as transaction:
        row = await _lock_held(transaction, said)
        await write_changes(transaction, _TABLE, row, {"status": TaskStatus.QUEUED}, "input")
        await _log(transaction, said, level="info", phase="cleanup")


async def _end(transaction: Transaction, said: Report, changes: dict[str, object]) -> bool:
    row = await lock_row(transaction, _TABLE, said.task_id, "input.taskId")
    if row["status"] == changes["status"] and row["assigned_to"] == said.instance_id:
        return False
    _require_holder(row, said.instance_id)
    stored = await parameters(_TABLE, changes, "input", transaction.vault)
    await write_changes(transaction, _TABLE, row, stored, "input")
    failed = changes["status"] == TaskStatus.FAILED
    level, phase = ("error", "error") if failed else ("info", "cleanup")
    await _log(transaction, said, level=level, phase=phase)
    return True


async def _lock_held(transaction: Transaction, said: Report) -> LockedRow:
    row = await lock_row(transaction, _TABLE, said.task_id, "input.taskId")
    _require_holder(row, said.instance_id)
    return row


def _require_holder(row: LockedRow, instance_id: UUID) -> None:
    if not is_held_by(row, instance_id):
        raise Conflict(
            "This instance does not hold the task, or no longer: its claim was released or ran out.",
            field="input.ccInstanceId",
            status=row["status"],
        )


def is_held_by(row: LockedRow, instance_id: UUID) -> bool:
    """True if the instance works on the task."""
    return bool(row["status"] == TaskStatus.RUNNING and row["assigned_to"] == instance_id)


async def _log(transaction: Transaction, said: Report, *, level: str, phase: str) -> None:
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
    await append(transaction, "task_logs", [entry], ["input"])
