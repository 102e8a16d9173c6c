"""Claude sessions of people (client §3.2.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    EMPTY_OBJECT,
    FIXED,
    GIVEN,
    NEW_UUID,
    OPEN_TO_GUESTS,
    OWNER,
    Base,
    SerialKey,
    created_at,
    time_default_now,
    to_many,
    to_one,
    updated_at,
)
from models.enums import SessionStatus
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.collaboration import CollaborationSession
    from models.file_operations import FileOperation
    from models.notifications import NotificationHistoryEntry
    from models.permission_requests import CcPermissionRequest
    from models.projects import Project
    from models.system import SystemLog
    from models.usage import CcUsage
    from models.users import User
    from models.worktrees import Worktree

DEFAULT_LIMITS = text(
    """'{"cpu_limit": 1.0, "memory_limit_mb": 512, "storage_limit_mb": 1024, "process_limit": 50}'::jsonb"""
)


class Session(Base):
    """A Claude Code session that a person runs."""

    __tablename__ = "sessions"
    __table_args__ = (
        one_of("status", SessionStatus, "chk_session_status"),
        CheckConstraint(
            "jsonb_typeof(resource_limits) = 'object'",
            name="chk_resource_limits_valid",
            info=broken("resource_limits", "Resource limits are a JSON object."),
        ),
        Index(
            "uk_sessions_container",
            "container_id",
            unique=True,
            postgresql_where=text("container_id IS NOT NULL"),
        ),
        Index("idx_sessions_user_id", "user_id"),
        Index("idx_sessions_project_id", "project_id"),
        Index("idx_sessions_worktree_id", "worktree_id"),
        Index("idx_sessions_user_status", "user_id", "status"),
        Index("idx_sessions_status_updated", "status", "updated_at"),
        Index("idx_sessions_user_last_accessed", "user_id", text("last_accessed DESC")),
        Index(
            "idx_sessions_active",
            "user_id",
            text("last_accessed DESC"),
            postgresql_where=text("status IN ('running', 'starting')"),
        ),
        Index(
            "idx_sessions_error",
            "user_id",
            text("updated_at DESC"),
            postgresql_where=text("status = 'error'"),
        ),
        {"comment": "Claude Code セッション情報"},
    )

    id: Mapped[SerialKey]
    session_id: Mapped[UUID] = mapped_column(
        unique=True,
        server_default=NEW_UUID,
        info=FIXED,
        comment="セッションID (UUID)",
        doc="Id of the session.",
    )
    name: Mapped[str] = mapped_column(
        String(100), info=GIVEN | OPEN_TO_GUESTS, comment="セッション名", doc="Name of the session."
    )
    description: Mapped[str | None] = mapped_column(
        info=GIVEN | OPEN_TO_GUESTS, comment="セッション説明", doc="What the session is for."
    )
    status: Mapped[SessionStatus | None] = mapped_column(
        Choice(SessionStatus, 20),
        server_default="stopped",
        info=GIVEN,
        comment="ステータス",
        doc="Where the session stands.",
    )
    working_directory: Mapped[str | None] = mapped_column(
        String(500),
        info=GIVEN | OPEN_TO_GUESTS,
        comment="作業ディレクトリ",
        doc="Directory that the session works in.",
    )
    container_id: Mapped[str | None] = mapped_column(
        String(64), info=GIVEN, comment="コンテナID", doc="Container that runs the session."
    )
    port_mapping: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=GIVEN,
        comment="ポートマッピング (JSON)",
        doc="Ports of the container on the host.",
    )
    context_data: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        info=GIVEN | OPEN_TO_GUESTS,
        comment="Claude セッション状態のJSON保存",
        doc="Saved state of the Claude session.",
    )
    claude_session_id: Mapped[str | None] = mapped_column(
        String(64),
        info=GIVEN,
        comment="Claude側のセッションID",
        doc="Id that Claude gave the session.",
    )
    total_tokens_used: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=GIVEN | OPEN_TO_GUESTS,
        comment="累計使用トークン数",
        doc="Tokens used so far.",
    )
    resource_limits: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=DEFAULT_LIMITS,
        info=GIVEN,
        comment="リソース制限 (JSON)",
        doc="Limits: cpu_limit, memory_limit_mb, storage_limit_mb, process_limit.",
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
    worktree_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("worktrees.worktree_id", ondelete="SET NULL"),
        info=GIVEN,
        comment="WorktreeID",
        doc="Id of the worktree.",
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    last_accessed: Mapped[datetime | None] = time_default_now(
        "最終アクセス日時", "When the session was last used.", info=BY_SERVER
    )

    user: Mapped[User] = to_one("sessions")
    project: Mapped[Project | None] = to_one("sessions")
    worktree: Mapped[Worktree | None] = to_one("sessions")
    collaboration_sessions: Mapped[list[CollaborationSession]] = to_many("session")
    file_operations: Mapped[list[FileOperation]] = to_many("session")
    usage: Mapped[list[CcUsage]] = to_many("session")
    permission_requests: Mapped[list[CcPermissionRequest]] = to_many("session")
    notification_history: Mapped[list[NotificationHistoryEntry]] = to_many("session")
    system_logs: Mapped[list[SystemLog]] = to_many("session")
