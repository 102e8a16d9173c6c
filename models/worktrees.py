"""People's git worktrees and the syncs between them (client §3.3.2, §3.3.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    FALSE,
    FIXED,
    GIVEN,
    NEW_UUID,
    OWNER,
    Base,
    LogKey,
    SerialKey,
    created_at,
    time_default_now,
    to_many,
    to_one,
    updated_at,
)
from models.enums import SyncDirection, SyncResult, SyncType, WorktreeStatus, WorktreeSyncStatus
from models.types import Choice, broken, one_of

if TYPE_CHECKING:
    from models.projects import Project
    from models.sessions import Session
    from models.users import User


class Worktree(Base):
    """A git worktree that a person works in."""

    __tablename__ = "worktrees"
    __table_args__ = (
        one_of("status", WorktreeStatus, "chk_worktree_status"),
        one_of("sync_status", WorktreeSyncStatus, "chk_sync_status"),
        CheckConstraint(
            "repository_path != worktree_path",
            name="chk_paths_different",
            info=broken("worktree_path", "The worktree lies on another path than its repository."),
        ),
        UniqueConstraint("worktree_path", name="uk_worktree_path"),
        Index("idx_worktrees_user_id", "user_id"),
        Index("idx_worktrees_project_id", "project_id"),
        Index("idx_worktrees_user_repository", "user_id", "repository_path"),
        Index("idx_worktrees_status_accessed", "status", text("last_accessed DESC")),
        Index(
            "idx_worktrees_active",
            "user_id",
            text("last_accessed DESC"),
            postgresql_where=text("status = 'active'"),
        ),
        {"comment": "Git Worktree管理情報"},
    )

    id: Mapped[SerialKey]
    worktree_id: Mapped[UUID] = mapped_column(
        unique=True,
        server_default=NEW_UUID,
        info=FIXED,
        comment="WorktreeID (UUID)",
        doc="Id of the worktree.",
    )
    repository_path: Mapped[str] = mapped_column(
        String(500),
        info=GIVEN,
        comment="リポジトリパス",
        doc="Path of the repository that the worktree belongs to.",
    )
    worktree_path: Mapped[str] = mapped_column(
        String(500), info=GIVEN, comment="Worktreeパス", doc="Path of the worktree; not the repository's own."
    )
    branch_name: Mapped[str] = mapped_column(
        String(100), info=GIVEN, comment="ブランチ名", doc="Branch that is checked out."
    )
    commit_hash: Mapped[str | None] = mapped_column(
        String(40), info=GIVEN, comment="コミットハッシュ", doc="Commit that is checked out."
    )
    remote_url: Mapped[str | None] = mapped_column(
        String(500), info=GIVEN, comment="リモートURL", doc="Remote that the branch follows."
    )
    status: Mapped[WorktreeStatus | None] = mapped_column(
        Choice(WorktreeStatus, 20),
        server_default="active",
        info=GIVEN,
        comment="ステータス",
        doc="Whether it is in use.",
    )
    sync_status: Mapped[WorktreeSyncStatus | None] = mapped_column(
        Choice(WorktreeSyncStatus, 20),
        server_default="clean",
        info=GIVEN,
        comment="同期ステータス",
        doc="How the worktree compares with its branch.",
    )
    last_sync: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="最終同期日時", doc="When it was last synced."
    )
    file_count: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=GIVEN, comment="ファイル数", doc="Number of files."
    )
    total_size_bytes: Mapped[int | None] = mapped_column(
        BigInteger,
        server_default=text("0"),
        info=GIVEN,
        comment="合計サイズ（バイト）",
        doc="Size of all files in bytes.",
    )
    uncommitted_changes: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=GIVEN,
        comment="未コミット変更の有無",
        doc="Whether there are changes not yet committed.",
    )
    untracked_files: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=GIVEN,
        comment="未追跡ファイル数",
        doc="Number of files that git does not track.",
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=FIXED | OWNER,
        comment="ユーザーID",
        doc="Key of the person.",
    )
    project_id: Mapped[int | None] = mapped_column(
        ForeignKey("projects.id", ondelete="SET NULL"),
        info=GIVEN,
        comment="プロジェクトID",
        doc="Key of the project.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    last_accessed: Mapped[datetime | None] = time_default_now(
        "最終アクセス日時", "When the worktree was last used.", info=BY_SERVER
    )

    user: Mapped[User] = to_one("worktrees")
    project: Mapped[Project | None] = to_one("worktrees")
    sessions: Mapped[list[Session]] = to_many("worktree")
    outgoing_syncs: Mapped[list[WorktreeSyncHistoryEntry]] = to_many(
        "source_worktree", foreign_keys="WorktreeSyncHistoryEntry.source_worktree_id"
    )
    incoming_syncs: Mapped[list[WorktreeSyncHistoryEntry]] = to_many(
        "target_worktree", foreign_keys="WorktreeSyncHistoryEntry.target_worktree_id"
    )


class WorktreeSyncHistoryEntry(Base):
    """One sync of a worktree: what was done and how it ended."""

    __tablename__ = "worktree_sync_history"
    __table_args__ = (
        one_of("sync_type", SyncType, "chk_sync_type"),
        one_of("sync_direction", SyncDirection, "chk_sync_direction"),
        one_of("status", SyncResult, "chk_sync_status"),
        Index("idx_worktree_sync_source_created", "source_worktree_id", text("created_at DESC")),
        Index("idx_worktree_sync_target", "target_worktree_id"),
        Index("idx_worktree_sync_executed_by", "executed_by"),
        {"comment": "Worktree同期実行履歴"},
    )

    id: Mapped[LogKey]
    source_worktree_id: Mapped[UUID] = mapped_column(
        ForeignKey("worktrees.worktree_id", ondelete="CASCADE"),
        info=GIVEN,
        comment="同期元WorktreeID",
        doc="Id of the worktree that changes came from.",
    )
    target_worktree_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("worktrees.worktree_id", ondelete="SET NULL"),
        info=GIVEN,
        comment="同期先WorktreeID",
        doc="Id of the worktree that changes went to.",
    )
    sync_type: Mapped[SyncType] = mapped_column(
        Choice(SyncType, 20), info=GIVEN, comment="同期種別", doc="How changes were brought over."
    )
    sync_direction: Mapped[SyncDirection | None] = mapped_column(
        Choice(SyncDirection, 20),
        server_default="push",
        info=GIVEN,
        comment="同期方向",
        doc="Which way changes went.",
    )
    status: Mapped[SyncResult] = mapped_column(
        Choice(SyncResult, 20), info=GIVEN, comment="実行結果ステータス", doc="How the sync ended."
    )
    files_changed: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=GIVEN, comment="変更ファイル数", doc="Number of files changed."
    )
    lines_added: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=GIVEN, comment="追加行数", doc="Number of lines added."
    )
    lines_deleted: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=GIVEN, comment="削除行数", doc="Number of lines deleted."
    )
    conflicts_count: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=GIVEN, comment="コンフリクト数", doc="Number of conflicts."
    )
    commit_hash: Mapped[str | None] = mapped_column(
        String(40), info=GIVEN, comment="コミットハッシュ", doc="Commit that the sync made."
    )
    error_message: Mapped[str | None] = mapped_column(
        info=GIVEN, comment="エラーメッセージ", doc="What went wrong."
    )
    error_code: Mapped[str | None] = mapped_column(
        String(20), info=GIVEN, comment="エラーコード", doc="Code of the error."
    )
    executed_by_id: Mapped[int | None] = mapped_column(
        "executed_by",
        ForeignKey("users.id", ondelete="SET NULL"),
        info=BY_SERVER | OWNER,
        comment="実行ユーザーID",
        doc="Key of the person who ran the sync.",
    )
    execution_time_ms: Mapped[int | None] = mapped_column(
        info=GIVEN, comment="実行時間（ミリ秒）", doc="How long the sync took, in milliseconds."
    )
    created_at: Mapped[datetime] = created_at(info=GIVEN)

    source_worktree: Mapped[Worktree] = to_one("outgoing_syncs", foreign_keys=source_worktree_id)
    target_worktree: Mapped[Worktree | None] = to_one("incoming_syncs", foreign_keys=target_worktree_id)
    executed_by: Mapped[User | None] = to_one("executed_syncs")
