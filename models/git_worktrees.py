"""The git worktrees that keep instances apart (terminal §4.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import FIXED, GIVEN, Base, created_at, to_one, uuid_key
from models.types import Json

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.projects import Project
    from models.tasks import Task


class GitWorktree(Base):
    """The git worktree in which one instance carries out one task."""

    __tablename__ = "git_worktrees"
    __table_args__ = (
        Index("idx_git_worktrees_cc_task", "cc_instance_id", "task_id"),
        Index("idx_git_worktrees_cleanup", "cleanup_scheduled_at"),
        Index("idx_git_worktrees_project", "project_id"),
        Index("idx_git_worktrees_task", "task_id"),
        {"comment": "並列実行環境の隔離管理"},
    )

    id: Mapped[UUID] = uuid_key("WorktreeID (UUID)")
    project_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("projects.project_id", ondelete="CASCADE"),
        info=FIXED,
        comment="プロジェクトID",
        doc="Id of the project.",
    )
    cc_instance_id: Mapped[UUID | None] = mapped_column(
        # The directory outlives its instance until it is cleaned up.
        ForeignKey("cc_instances.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="CCインスタンスID",
        doc="Key of the instance that works in it.",
    )
    task_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("tasks.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="タスクID",
        doc="Key of the task carried out in it.",
    )
    worktree_name: Mapped[str] = mapped_column(info=GIVEN, comment="Worktree名", doc="Name of the worktree.")
    worktree_path: Mapped[str] = mapped_column(
        info=GIVEN, comment="Worktreeパス", doc="Path of the worktree."
    )
    base_branch: Mapped[str] = mapped_column(
        info=GIVEN, comment="ベースブランチ", doc="Branch that it was made from."
    )
    current_branch: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="現在のブランチ", doc="Branch that is checked out."
    )
    git_status: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        info=GIVEN,
        comment="Git状態 (JSON: modified, staged, untracked)",
        doc="Modified, staged and untracked files.",
    )
    created_at: Mapped[datetime] = created_at("Worktree作成時刻")
    last_commit_hash: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="最終コミットハッシュ", doc="The last commit."
    )
    last_commit_at: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="最終コミット時刻", doc="When the last commit was made."
    )
    cleanup_scheduled_at: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="クリーンアップ予定時刻", doc="When it is due to be cleaned up."
    )
    cleanup_completed_at: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="クリーンアップ完了時刻", doc="When it was cleaned up."
    )

    project: Mapped[Project | None] = to_one("git_worktrees")
    cc_instance: Mapped[CcInstance | None] = to_one("git_worktrees")
    task: Mapped[Task | None] = to_one("git_worktrees")
