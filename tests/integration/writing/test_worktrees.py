"""Syncs are recorded with the state they leave behind; instances' worktrees are cleaned up once."""

import asyncio

from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene
from tests.support.factories import AnyRow, make_git_worktree, make_worktree

SYNC = """mutation($input: RecordWorktreeSyncInput!) {
  recordWorktreeSync(input: $input) {
    worktreeSyncHistoryEntry {
      executedBy { id }
      sourceWorktree { syncStatus lastSync project { totalCommits } }
      targetWorktree { syncStatus lastSync commitHash }
    }
  }
}"""
SCHEDULE = """mutation($id: UUID!, $due: DateTime) {
  scheduleGitWorktreeCleanup(input: {id: $id, due: $due}) { gitWorktree { cleanupScheduledAt } }
}"""
COMPLETE = """mutation($id: UUID!) {
  completeGitWorktreeCleanup(input: {id: $id}) { gitWorktree { cleanupScheduledAt cleanupCompletedAt } }
}"""
COMMIT = "c" * 40


async def checkouts(database: Database, scene: Scene) -> tuple[AnyRow, AnyRow]:
    """Two dirty worktrees of the owner, in the scene's project."""
    async with database.writer.begin() as connection:
        values = {"user_id": scene.owner.user_id, "project_id": scene.project.id, "sync_status": "dirty"}
        return await make_worktree(connection, **values), await make_worktree(connection, **values)


async def test_a_success_leaves_the_target_clean_at_its_commit_and_counts_it(
    database: Database, scene: Scene, caller: Caller
) -> None:
    source, target = await checkouts(database, scene)
    sync = {
        "sourceWorktreeId": source.worktree_id,
        "targetWorktreeId": target.worktree_id,
        "syncType": "CHERRY_PICK",
        "status": "SUCCESS",
        "commitHash": COMMIT,
    }

    data = await caller.data(scene.owner, SYNC, input=sync)

    entry = data["recordWorktreeSync"]["worktreeSyncHistoryEntry"]
    assert entry["executedBy"] == {"id": scene.owner.user_id}
    assert (entry["sourceWorktree"]["syncStatus"], entry["targetWorktree"]["syncStatus"]) == (
        "DIRTY",
        "CLEAN",
    )
    assert entry["sourceWorktree"]["lastSync"] == entry["targetWorktree"]["lastSync"] is not None
    assert entry["sourceWorktree"]["project"] == {"totalCommits": 1}
    assert entry["targetWorktree"]["commitHash"] == COMMIT


async def test_conflicts_leave_the_target_conflicted_and_count_no_commit(
    database: Database, scene: Scene, caller: Caller
) -> None:
    source, target = await checkouts(database, scene)
    sync = {
        "sourceWorktreeId": source.worktree_id,
        "targetWorktreeId": target.worktree_id,
        "syncType": "MERGE",
        "status": "FAILED",
        "conflictsCount": 3,
    }

    data = await caller.data(scene.owner, SYNC, input=sync)

    entry = data["recordWorktreeSync"]["worktreeSyncHistoryEntry"]
    assert entry["targetWorktree"] == {"syncStatus": "CONFLICTED", "lastSync": None, "commitHash": None}
    assert entry["sourceWorktree"]["project"] == {"totalCommits": 0}


async def test_syncs_in_both_directions_at_once_are_all_counted(
    database: Database, scene: Scene, caller: Caller
) -> None:
    pair = await checkouts(database, scene)

    await asyncio.gather(
        *(
            caller.data(
                scene.owner,
                SYNC,
                input={
                    "sourceWorktreeId": pair[number % 2].worktree_id,
                    "targetWorktreeId": pair[1 - number % 2].worktree_id,
                    "syncType": "REBASE",
                    "status": "SUCCESS",
                    "commitHash": COMMIT,
                },
            )
            for number in range(12)
        )
    )

    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM worktree_sync_history")) == 12
        assert await connection.scalar(text("SELECT total_commits FROM projects")) == 12


async def test_others_record_nothing_about_a_worktree(
    database: Database, scene: Scene, caller: Caller
) -> None:
    source, _ = await checkouts(database, scene)
    sync = {"sourceWorktreeId": source.worktree_id, "syncType": "PUSH", "status": "SUCCESS"}

    refusals = [await caller.refusal(person, SYNC, input=sync) for person in (scene.editor, scene.stranger)]

    assert [code for code, _ in refusals] == ["FORBIDDEN", "NOT_FOUND"]
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM worktree_sync_history")) == 0
        assert await connection.scalar(text("SELECT count(last_sync) FROM worktrees")) == 0


async def test_a_worktree_is_cleaned_up_once_it_was_scheduled(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        worktree = await make_git_worktree(connection, project_id=scene.project.project_id)

    early = await caller.refusal(scene.editor, COMPLETE, id=worktree.id)
    unseen = await caller.refusal(scene.stranger, SCHEDULE, id=worktree.id)
    looking = await caller.refusal(scene.viewer, SCHEDULE, id=worktree.id)
    due = await caller.data(scene.editor, SCHEDULE, id=worktree.id, due="2027-01-01T00:00:00Z")
    done = await caller.data(scene.editor, COMPLETE, id=worktree.id)
    again = await caller.data(scene.editor, COMPLETE, id=worktree.id)
    late = await caller.refusal(scene.editor, SCHEDULE, id=worktree.id)

    assert early == late == ("CONFLICT", "input.id")
    assert (unseen[0], looking[0]) == ("NOT_FOUND", "FORBIDDEN")
    scheduled = due["scheduleGitWorktreeCleanup"]["gitWorktree"]["cleanupScheduledAt"]
    assert scheduled.startswith("2027-01-01T00:00:00")
    assert done == again
    assert done["completeGitWorktreeCleanup"]["gitWorktree"]["cleanupCompletedAt"] is not None
