"""Permissions that instances of Claude Code ask a person for, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, time_default_now, to_one, uuid_key
from models.enums import PermissionDecision
from models.retention import kept_from
from models.types import Choice, Json, one_of

if TYPE_CHECKING:
    from models.instances import CcInstance
    from models.sessions import Session
    from models.users import User


class CcPermissionRequest(Base):
    """One permission that an instance asks for before it uses a tool."""

    __tablename__ = "cc_permission_requests"
    __table_args__ = (
        one_of("decision", PermissionDecision, "chk_cc_permission_requests_decision"),
        CheckConstraint(
            "(decision IS NULL) = (answered_at IS NULL)", name="chk_cc_permission_requests_answered"
        ),
        Index("idx_cc_permission_requests_instance_asked", "cc_instance_id", "asked_at"),
        Index("idx_cc_permission_requests_session", "session_id"),
        Index("idx_cc_permission_requests_user", "user_id"),
        Index("idx_cc_permission_requests_answered_by", "answered_by"),
        Index("idx_cc_permission_requests_asked", "asked_at", "id"),
        Index(
            "idx_cc_permission_requests_open",
            "cc_instance_id",
            postgresql_where=text("decision IS NULL"),
        ),
        {"comment": "ツール使用の許可要求と回答", "info": kept_from("asked_at", "cc_permission_requests")},
    )

    id: Mapped[UUID] = uuid_key("許可要求ID (UUID)", "Key of the request.")
    cc_instance_id: Mapped[UUID] = mapped_column(
        ForeignKey("cc_instances.id", ondelete="CASCADE"),
        comment="CCインスタンスID",
        doc="Key of the instance that asks.",
    )
    session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="SET NULL"),
        comment="セッションID (UUID)",
        doc="Id of the session in which it asks.",
    )
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"),
        comment="ユーザーID",
        doc="Key of the person who runs the session.",
    )
    tool_name: Mapped[str] = mapped_column(
        String(200), comment="ツール名", doc="Name of the tool that it wants to use."
    )
    tool_input: Mapped[Any | None] = mapped_column(
        Json, comment="ツール入力 (JSON)", doc="What it would give the tool, with secrets masked."
    )
    suggestions: Mapped[Any | None] = mapped_column(
        Json,
        comment="許可の提案 (JSON)",
        doc="Rules that Claude Code offers to remember with the answer, with secrets masked.",
    )
    asked_at: Mapped[datetime] = time_default_now("要求日時", "When it asked.")
    held_until: Mapped[datetime | None] = mapped_column(
        comment="保留期限",
        doc="Until when Claude Code waits for an answer from here; null where the terminal alone asks.",
    )
    answered_at: Mapped[datetime | None] = mapped_column(
        comment="回答日時", doc="When it was answered; null while it waits."
    )
    answered_by_id: Mapped[int | None] = mapped_column(
        "answered_by",
        ForeignKey("users.id", ondelete="SET NULL"),
        comment="回答者ユーザーID",
        doc="Key of the person who answered through the server; null for an answer in the terminal.",
    )
    decision: Mapped[PermissionDecision | None] = mapped_column(
        Choice(PermissionDecision),
        comment="回答 (allow/deny/lapsed)",
        doc="What the answer was; null while it waits.",
    )
    message: Mapped[str | None] = mapped_column(
        comment="回答メッセージ", doc="What Claude was told with the answer, with secrets masked."
    )
    waited_ms: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="待ち時間（ミリ秒）",
        doc="How long it waited for the answer, in milliseconds; null while it waits.",
    )

    cc_instance: Mapped[CcInstance] = to_one("permission_requests")
    session: Mapped[Session | None] = to_one("permission_requests")
    user: Mapped[User | None] = to_one("permission_requests", foreign_keys="CcPermissionRequest.user_id")
    answered_by: Mapped[User | None] = to_one(
        "answered_permission_requests", foreign_keys="CcPermissionRequest.answered_by_id"
    )
