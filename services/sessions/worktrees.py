"""Worktrees: syncs of people's checkouts, clean-up of the instances' ones (client §3.3, terminal §4.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from models.enums import SyncResult, WorktreeSyncStatus
from services.core.errors import Conflict
from services.writing.action import Action
from services.writing.appending import append
from services.writing.rows import int_key, lock_row, write_changes
from services.writing.tables import TABLES

_GIT_WORKTREES: Final = TABLES["git_worktrees"]

# In one order, so that two syncs between the same worktrees cannot block each other.
_HOLD: Final = "SELECT 1 FROM worktrees WHERE worktree_id = ANY($1) ORDER BY id FOR NO KEY UPDATE"

_SYNCED: Final = """
UPDATE worktrees SET
    last_sync = CASE WHEN $2 THEN now() ELSE last_sync END,
    sync_status = CASE WHEN worktree_id = $3 THEN COALESCE($4, sync_status) ELSE sync_status END,
    commit_hash = CASE WHEN worktree_id = $3 AND $2 THEN COALESCE($5, commit_hash) ELSE commit_hash END
WHERE worktree_id = ANY($1)
"""


async def record_sync(action: Action, given: Mapping[str, object]) -> int:
    """Store how a sync ended, and what the worktrees are after it; gives the key of the history's row.

    `given` holds columns of worktree_sync_history. The worktree that changes went to, the source itself where
    no target is given, becomes clean with a success and conflicted with conflicts; a success or a part of one
    counts as the last sync of both. Raises: BadInput, NotFound or Forbidden.
    """
    async with action.transaction(sourceWorktreeId=given["source_worktree_id"]) as transaction:
        worktrees = [given[name] for name in ("source_worktree_id", "target_worktree_id") if given.get(name)]
        await transaction.connection.exec_driver_sql(_HOLD, (worktrees,))
        (key,) = await append(transaction, "worktree_sync_history", [given], ["input"])
        result = given["status"]
        reached = result in (SyncResult.SUCCESS, SyncResult.PARTIAL)
        status = None
        if given.get("conflicts_count"):
            status = WorktreeSyncStatus.CONFLICTED.value
        elif result == SyncResult.SUCCESS:
            status = WorktreeSyncStatus.CLEAN.value
        await transaction.connection.exec_driver_sql(
            _SYNCED, (worktrees, reached, worktrees[-1], status, given.get("commit_hash"))
        )
        transaction.details["id"] = key
    return int_key(key)


async def schedule_cleanup(action: Action, worktree: UUID, due: datetime | None) -> None:
    """Say when an instance's worktree is to be cleaned up, now by default; the last word counts.

    Raises: NotFound, Forbidden, and Conflict when it has been cleaned up.
    """
    async with action.transaction(id=worktree, due=due) as transaction:
        row = await lock_row(transaction, _GIT_WORKTREES, worktree)
        if row["cleanup_completed_at"] is not None:
            raise Conflict("This worktree has been cleaned up already.", field="input.id")
        changes = {"cleanup_scheduled_at": due or datetime.now(UTC)}
        await write_changes(transaction, _GIT_WORKTREES, row, changes, "input")


async def complete_cleanup(action: Action, worktree: UUID) -> None:
    """Note that an instance's worktree has been cleaned up. Repeating it changes nothing.

    Raises: NotFound, Forbidden, and Conflict when no clean-up was scheduled.
    """
    async with action.transaction(id=worktree) as transaction:
        row = await lock_row(transaction, _GIT_WORKTREES, worktree)
        if row["cleanup_completed_at"] is not None:
            return
        if row["cleanup_scheduled_at"] is None:
            raise Conflict("No clean-up is due: call scheduleGitWorktreeCleanup first.", field="input.id")
        changes = {"cleanup_completed_at": datetime.now(UTC)}
        await write_changes(transaction, _GIT_WORKTREES, row, changes, "input")
