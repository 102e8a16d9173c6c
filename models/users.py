"""People and their authentication tokens (client §3.1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, INET
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    EMPTY_OBJECT,
    FALSE,
    HIDDEN,
    NEW_UUID,
    PRIVATE,
    TRUE,
    Base,
    SerialKey,
    created_at,
    in_clear,
    to_many,
    to_one,
    updated_at,
)
from models.enums import TokenType
from models.retention import kept_from
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.archives import ProjectArchive
    from models.collaboration import CollaborationParticipant, CollaborationSession
    from models.file_operations import FileOperation
    from models.invitations import ProjectInvitation
    from models.notifications import NotificationHistoryEntry, NotificationSetting
    from models.permission_requests import CcPermissionRequest
    from models.projects import Project
    from models.sessions import Session
    from models.system import SystemLog, SystemSetting
    from models.usage import CcUsage
    from models.websocket import WebsocketSession
    from models.worktrees import Worktree, WorktreeSyncHistoryEntry

DEFAULT_QUOTA = text(
    """'{"max_sessions": 5, "max_worktrees": 10, "storage_limit_gb": 5, "api_calls_per_hour": 1000}'::jsonb"""
)


class User(Base):
    """A person with an account."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(
            "LENGTH(username) >= 3",
            name="chk_username_length",
            info=broken("username", "A username has at least 3 characters."),
        ),
        CheckConstraint(
            "username ~* '^[a-zA-Z0-9_-]+$'",
            name="chk_username_alphanumeric",
            info=broken("username", "A username has letters, digits, _ and - only."),
        ),
        CheckConstraint(
            r"email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'",
            name="chk_email_format",
            info=broken("email", "This is not an e-mail address."),
        ),
        Index("uk_users_email", "email", unique=True, postgresql_where=text("email IS NOT NULL")),
        {"comment": "ユーザー基本情報・認証情報"},
    )

    id: Mapped[SerialKey]
    username: Mapped[str] = mapped_column(
        String(50),
        unique=True,
        info=in_clear("people log in by it and are found by it"),
        comment="ユーザー名",
        doc="Login name: letters, digits, _ and -, at least 3.",
    )
    email: Mapped[str | None] = mapped_column(
        String(100), unique=True, info=PRIVATE, comment="メールアドレス", doc="E-mail address."
    )
    hashed_password: Mapped[str] = mapped_column(
        String(255),
        info=HIDDEN,
        comment="パスワードハッシュ (Argon2id)",
        doc="Argon2id hash of the password.",
    )
    is_active: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=PRIVATE, comment="有効フラグ", doc="False bars the account from logging in."
    )
    is_admin: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=PRIVATE,
        comment="管理者フラグ",
        doc="Administrators see and change every row.",
    )
    preferences: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_OBJECT,
        info=PRIVATE,
        comment="UI設定、言語設定等のJSON",
        doc="Settings of the user interface, language and the like.",
    )
    resource_quota: Mapped[dict[str, Any] | None] = mapped_column(
        Json,
        server_default=DEFAULT_QUOTA,
        info=PRIVATE,
        comment="ユーザー毎のリソース制限",
        doc="What the person may use: max_sessions, max_worktrees, storage_limit_gb, api_calls_per_hour.",
    )
    last_login: Mapped[datetime | None] = mapped_column(
        info=PRIVATE, comment="最終ログイン日時", doc="When the person last logged in."
    )
    login_count: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=PRIVATE,
        comment="ログイン回数",
        doc="How often the person has logged in.",
    )
    created_at: Mapped[datetime] = created_at(info=PRIVATE)
    updated_at: Mapped[datetime] = updated_at(info=PRIVATE)

    auth_tokens: Mapped[list[AuthToken]] = to_many("user")
    sessions: Mapped[list[Session]] = to_many("user")
    worktrees: Mapped[list[Worktree]] = to_many("user")
    projects: Mapped[list[Project]] = to_many("owner")
    archived_projects: Mapped[list[ProjectArchive]] = to_many("owner")
    hosted_collaboration_sessions: Mapped[list[CollaborationSession]] = to_many("host_user")
    collaboration_participations: Mapped[list[CollaborationParticipant]] = to_many("user")
    project_invitations: Mapped[list[ProjectInvitation]] = to_many(
        "user", foreign_keys="ProjectInvitation.user_id"
    )
    sent_project_invitations: Mapped[list[ProjectInvitation]] = to_many(
        "invited_by", foreign_keys="ProjectInvitation.invited_by_id"
    )
    usage: Mapped[list[CcUsage]] = to_many("user")
    permission_requests: Mapped[list[CcPermissionRequest]] = to_many(
        "user", foreign_keys="CcPermissionRequest.user_id"
    )
    answered_permission_requests: Mapped[list[CcPermissionRequest]] = to_many(
        "answered_by", foreign_keys="CcPermissionRequest.answered_by_id"
    )
    executed_syncs: Mapped[list[WorktreeSyncHistoryEntry]] = to_many("executed_by")
    notification_settings: Mapped[list[NotificationSetting]] = to_many("user")
    notification_history: Mapped[list[NotificationHistoryEntry]] = to_many("user")
    file_operations: Mapped[list[FileOperation]] = to_many("user")
    system_logs: Mapped[list[SystemLog]] = to_many("user")
    updated_settings: Mapped[list[SystemSetting]] = to_many("updated_by")
    websocket_sessions: Mapped[list[WebsocketSession]] = to_many("user")


class AuthToken(Base):
    """An access or refresh token, by its id; the token itself is never stored."""

    __tablename__ = "auth_tokens"
    __table_args__ = (
        one_of("token_type", TokenType, "chk_token_type"),
        Index("idx_auth_tokens_user_id", "user_id"),
        Index(
            "idx_auth_tokens_user_active", "user_id", "is_active", postgresql_where=text("is_active = true")
        ),
        Index("idx_auth_tokens_expires", "expires_at", postgresql_where=text("is_active = true")),
        Index("idx_auth_tokens_valid", "user_id", "expires_at", postgresql_where=text("is_active")),
        Index("idx_auth_tokens_family", "family_id"),
        Index(
            "idx_auth_tokens_lineage",
            "lineage",
            postgresql_using="gin",
            postgresql_where=text("lineage IS NOT NULL"),
        ),
        {"comment": "認証トークン管理", "info": kept_from("expires_at", "expired_tokens")},
    )

    id: Mapped[SerialKey]
    token_id: Mapped[UUID] = mapped_column(
        unique=True,
        server_default=NEW_UUID,
        comment="トークンID (UUID)",
        doc="Id that the token carries (jti).",
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), comment="ユーザーID", doc="Key of the person."
    )
    token_type: Mapped[TokenType | None] = mapped_column(
        Choice(TokenType, 20),
        server_default="access",
        comment="トークン種別 (access, refresh, ingest)",
        doc="Kind of token.",
    )
    expires_at: Mapped[datetime] = mapped_column(comment="有効期限", doc="When the token stops being valid.")
    is_active: Mapped[bool | None] = mapped_column(
        server_default=TRUE, comment="有効フラグ", doc="False once the token was revoked or exchanged."
    )
    name: Mapped[str | None] = mapped_column(
        String(100),
        comment="トークン名 (長期トークン用)",
        doc="What a long-lived token is called by its owner.",
    )
    family_id: Mapped[UUID | None] = mapped_column(
        comment="更新トークンの系列ID",
        doc="Shared by the access and refresh tokens of one login; a named token has one of its own.",
    )
    lineage: Mapped[list[UUID] | None] = mapped_column(
        ARRAY(Uuid()),
        info=HIDDEN,
        comment="発行元トークンの系列ID一覧（古い順）",
        doc="Families of the login and the tokens by which a named token was made, the first one first.",
    )
    ip_address: Mapped[str | None] = mapped_column(
        INET, comment="発行元IPアドレス", doc="Address that the token was issued to."
    )
    user_agent: Mapped[str | None] = mapped_column(
        comment="ユーザーエージェント", doc="Client that the token was issued to."
    )
    last_used: Mapped[datetime | None] = mapped_column(
        comment="最終使用日時", doc="When the token was last used."
    )
    created_at: Mapped[datetime] = created_at()

    user: Mapped[User] = to_one("auth_tokens")
