"""Worktrees: recordWorktreeSync, scheduleGitWorktreeCleanup, completeGitWorktreeCleanup."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import UNSET, Private

from gql.execution.loaders import load_row
from gql.mutations.action import Info, action_of
from gql.types.types import table_type
from models.enums import SyncDirection, SyncResult, SyncType
from services.sessions import worktrees

WorktreeSyncHistoryEntry = table_type("WorktreeSyncHistoryEntry")
GitWorktree = table_type("GitWorktree")

KEY = "Key of the worktree."


@strawberry.input(description="A sync that has ended.")
class RecordWorktreeSyncInput:
    source_worktree_id: UUID = strawberry.field(description="Id of the worktree that changes came from.")
    target_worktree_id: UUID | None = strawberry.field(
        default=UNSET, description="Id of the worktree that changes went to, where there is one."
    )
    sync_type: SyncType = strawberry.field(description="How changes were brought over.")
    sync_direction: SyncDirection | None = strawberry.field(
        default=UNSET, description="Which way changes went; PUSH unless given."
    )
    status: SyncResult = strawberry.field(description="How the sync ended.")
    files_changed: int | None = strawberry.field(default=UNSET, description="Number of files changed.")
    lines_added: int | None = strawberry.field(default=UNSET, description="Number of lines added.")
    lines_deleted: int | None = strawberry.field(default=UNSET, description="Number of lines deleted.")
    conflicts_count: int | None = strawberry.field(default=UNSET, description="Number of conflicts.")
    commit_hash: str | None = strawberry.field(default=UNSET, description="Commit that the sync made.")
    error_message: str | None = strawberry.field(default=UNSET, description="What went wrong.")
    error_code: str | None = strawberry.field(default=UNSET, description="Code of the error.")
    execution_time_ms: int | None = strawberry.field(
        default=UNSET, description="How long the sync took, in milliseconds."
    )


@strawberry.input(description="Which worktree is to be cleaned up, and when.")
class ScheduleGitWorktreeCleanupInput:
    id: UUID = strawberry.field(description=KEY)
    due: datetime | None = strawberry.field(default=None, description="When; at once unless given.")


@strawberry.input(description="Which worktree has been cleaned up.")
class CompleteGitWorktreeCleanupInput:
    id: UUID = strawberry.field(description=KEY)


@strawberry.type(description="The sync as it is stored; its worktrees are as they are after it.")
class RecordWorktreeSyncPayload:
    row_id: Private[int]

    @strawberry.field(description="The row of the history.")
    async def worktree_sync_history_entry(self, info: Info) -> WorktreeSyncHistoryEntry:  # type: ignore[valid-type]
        return await load_row(info, "WorktreeSyncHistoryEntry", self.row_id)


@strawberry.type
class _WithGitWorktree:
    row_id: Private[UUID]

    @strawberry.field(description="The worktree as it is now.")
    async def git_worktree(self, info: Info) -> GitWorktree:  # type: ignore[valid-type]
        return await load_row(info, "GitWorktree", self.row_id)


@strawberry.type(description="The worktree that is to be cleaned up.")
class ScheduleGitWorktreeCleanupPayload(_WithGitWorktree):
    pass


@strawberry.type(description="The worktree that has been cleaned up.")
class CompleteGitWorktreeCleanupPayload(_WithGitWorktree):
    pass


@strawberry.type
class WorktreeMutations:
    @strawberry.mutation(
        description="Store how a sync ended: a row of the history, with the state of the worktrees after it."
    )
    async def record_worktree_sync(
        self, info: Info, input: RecordWorktreeSyncInput
    ) -> RecordWorktreeSyncPayload:
        given = {name: value for name, value in vars(input).items() if value is not UNSET}
        return RecordWorktreeSyncPayload(row_id=await worktrees.record_sync(action_of(info), given))

    @strawberry.mutation(description="Say when an instance's worktree is to be cleaned up.")
    async def schedule_git_worktree_cleanup(
        self, info: Info, input: ScheduleGitWorktreeCleanupInput
    ) -> ScheduleGitWorktreeCleanupPayload:
        await worktrees.schedule_cleanup(action_of(info), input.id, input.due)
        return ScheduleGitWorktreeCleanupPayload(row_id=input.id)

    @strawberry.mutation(
        description="Note that an instance's worktree has been cleaned up. Repeating it changes nothing."
    )
    async def complete_git_worktree_cleanup(
        self, info: Info, input: CompleteGitWorktreeCleanupInput
    ) -> CompleteGitWorktreeCleanupPayload:
        await worktrees.complete_cleanup(action_of(info), input.id)
        return CompleteGitWorktreeCleanupPayload(row_id=input.id)
