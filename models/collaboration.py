"""Sessions shared with others (client §3.2.2), and who takes part in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    BY_SERVER,
    EMPTY_ARRAY,
    FALSE,
    FIXED,
    GIVEN,
    HIDDEN,
    OWNER,
    TRUE,
    Base,
    SerialKey,
    created_at,
    time_default_now,
    to_many,
    to_one,
    updated_at,
    uuid_key,
)
from models.enums import ParticipantState, ShareMode
from models.types import Choice, Json, broken, one_of

if TYPE_CHECKING:
    from models.sessions import Session
    from models.users import User


class CollaborationSession(Base):
    """How a session is shared with other people."""

    __tablename__ = "collaboration_sessions"
    __table_args__ = (
        one_of("share_mode", ShareMode, "chk_share_mode"),
        CheckConstraint(
            "max_participants > 0 AND max_participants <= 20",
            name="chk_max_participants",
            info=broken("max_participants", "From 1 to 20 people can take part."),
        ),
        Index("idx_collaboration_sessions_session_id", "session_id"),
        Index("idx_collaboration_sessions_host_user_id", "host_user_id"),
        {"comment": "セッション共有・コラボレーション設定"},
    )

    id: Mapped[SerialKey]
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        info=FIXED,
        comment="セッションID",
        doc="Id of the shared session.",
    )
    host_user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        info=FIXED | OWNER,
        comment="ホストユーザーID",
        doc="Key of the person who shares.",
    )
    share_mode: Mapped[ShareMode | None] = mapped_column(
        Choice(ShareMode, 20),
        server_default="read_only",
        info=GIVEN,
        comment="共有モード",
        doc="What participants may do.",
    )
    max_participants: Mapped[int | None] = mapped_column(
        server_default=text("5"),
        info=GIVEN,
        comment="最大参加者数",
        doc="How many people may take part at a time, 1 to 20.",
    )
    requires_approval: Mapped[bool | None] = mapped_column(
        server_default=TRUE, info=GIVEN, comment="参加承認要否", doc="Whether the host lets each person in."
    )
    is_public: Mapped[bool | None] = mapped_column(
        server_default=FALSE,
        info=GIVEN,
        comment="公開フラグ",
        doc="Whether everybody may see that the session is shared.",
    )
    access_token: Mapped[str | None] = mapped_column(
        String(64),
        unique=True,
        info=BY_SERVER | HIDDEN,
        comment="参加用アクセストークン (ハッシュ)",
        doc="Hash of the token that an invitation carries.",
    )
    expires_at: Mapped[datetime | None] = mapped_column(
        info=GIVEN, comment="共有の有効期限", doc="When the sharing ends."
    )
    allowed_users: Mapped[list[Any] | None] = mapped_column(
        Json,
        server_default=EMPTY_ARRAY,
        info=GIVEN,
        comment="許可ユーザーID一覧 (JSON)",
        doc="Keys of the people invited by name.",
    )
    current_participants: Mapped[int | None] = mapped_column(
        server_default=text("0"),
        info=BY_SERVER,
        comment="現在の参加者数",
        doc="How many people take part now.",
    )
    total_joins: Mapped[int | None] = mapped_column(
        server_default=text("0"), info=BY_SERVER, comment="累計参加回数", doc="How often people have joined."
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()

    session: Mapped[Session] = to_one("collaboration_sessions")
    host_user: Mapped[User] = to_one("hosted_collaboration_sessions")
    participants: Mapped[list[CollaborationParticipant]] = to_many("collaboration_session")


class CollaborationParticipant(Base):
    """One person's part in a shared session; the documents count participants but do not name them."""

    __tablename__ = "collaboration_participants"
    __table_args__ = (
        one_of("state", ParticipantState, "chk_collaboration_participants_state"),
        UniqueConstraint("collaboration_session_id", "user_id"),
        Index("idx_collaboration_participants_user_state", "user_id", "state"),
        {"comment": "共有セッションの参加者"},
    )

    id: Mapped[UUID] = uuid_key("参加ID (UUID)")
    collaboration_session_id: Mapped[int] = mapped_column(
        ForeignKey("collaboration_sessions.id", ondelete="CASCADE"),
        comment="共有セッションID",
        doc="Key of the shared session.",
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), comment="ユーザーID", doc="Key of the person."
    )
    state: Mapped[ParticipantState] = mapped_column(
        Choice(ParticipantState),
        server_default="requested",
        comment="参加状態 (requested/joined/left/refused)",
        doc="Where the person stands with the shared session.",
    )
    requested_at: Mapped[datetime] = time_default_now("参加申請日時", "When the person asked to join.")
    joined_at: Mapped[datetime | None] = mapped_column(comment="参加日時", doc="When the person last joined.")
    left_at: Mapped[datetime | None] = mapped_column(comment="退出日時", doc="When the person last left.")

    collaboration_session: Mapped[CollaborationSession] = to_one("participants")
    user: Mapped[User] = to_one("collaboration_participations")
