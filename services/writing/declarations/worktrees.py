"""Declarations of worktrees of people and of instances, and of the syncs between them."""

from collections.abc import Mapping
from typing import Any, Final

from models import GitWorktree, Worktree, WorktreeSyncHistoryEntry
from services.core.database import WriteConnection
from services.writing import quotas
from services.writing.declaration import Access, Kept, Reference, Unlinked, Values, writable
from services.writing.declarations.of_project import DIRECTLY, EDITED_PROJECT, same_project


async def _worktree_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    await quotas.require_worktree(connection, values["user_id"], values.get("total_size_bytes") or 0)


async def _worktree_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    more = (changes.get("total_size_bytes") or 0) - (row["total_size_bytes"] or 0)
    await quotas.require_storage(connection, row["user_id"], more)


WORKTREES: Final = writable(
    Worktree,
    references=(EDITED_PROJECT,),
    archive=Unlinked(DIRECTLY, ("project_id",)),
    before_create=_worktree_created,
    before_update=_worktree_changed,
)

WORKTREE_SYNC_HISTORY: Final = writable(
    WorktreeSyncHistoryEntry,
    append_only=True,
    belongs_by="source_worktree_id",
    references=(Reference("target_worktree_id", "worktrees", "worktree_id", access=Access.CHANGE),),
)

GIT_WORKTREES: Final = writable(
    GitWorktree,
    belongs_by="project_id",
    references=(same_project("cc_instance_id", "cc_instances"), same_project("task_id", "tasks")),
    archive=Kept(DIRECTLY),
)
