"""Invitations to work on a project, or to own it, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, in_clear, time_default_now, to_one, uuid_key
from models.enums import CollaboratorRole, InvitationRole, InvitationState
from models.types import Choice, one_of

if TYPE_CHECKING:
    from models.projects import Project
    from models.users import User


class ProjectInvitation(Base):
    """A project that a person was asked to work on, or to own; nothing comes of it before they accept."""

    __tablename__ = "project_invitations"
    __table_args__ = (
        one_of("role", InvitationRole, "chk_project_invitations_role"),
        one_of("keep_as", CollaboratorRole, "chk_project_invitations_keep_as"),
        one_of("state", InvitationState, "chk_project_invitations_state"),
        UniqueConstraint("project_id", "user_id"),
        Index("idx_project_invitations_user_state", "user_id", "state"),
        Index("idx_project_invitations_inviter_state", "invited_by", "state"),
        {"comment": "プロジェクトへの招待"},
    )

    id: Mapped[UUID] = uuid_key("招待ID (UUID)")
    project_id: Mapped[int] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), comment="プロジェクトID", doc="Key of the project."
    )
    project_name: Mapped[str] = mapped_column(
        String(100),
        info=in_clear("a copy of projects.name, which is masked"),
        comment="招待時のプロジェクト名",
        doc="Name of the project when the person was asked, who may not see the project itself.",
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        comment="招待されたユーザーID",
        doc="Key of the person who was asked.",
    )
    invited_by_id: Mapped[int] = mapped_column(
        "invited_by",
        ForeignKey("users.id", ondelete="CASCADE"),
        comment="招待したユーザーID",
        doc="Key of the person who asked.",
    )
    role: Mapped[InvitationRole] = mapped_column(
        Choice(InvitationRole),
        comment="役割 (viewer/editor/owner)",
        doc="What the person is to be; OWNER takes the project over.",
    )
    keep_as: Mapped[CollaboratorRole | None] = mapped_column(
        Choice(CollaboratorRole),
        comment="譲渡後の元所有者の役割 (viewer/editor)",
        doc="Role in which the former owner stays when the person takes the project over; null for none.",
    )
    state: Mapped[InvitationState] = mapped_column(
        Choice(InvitationState),
        server_default="pending",
        comment="状態 (pending/accepted/declined/withdrawn)",
        doc="What became of the invitation.",
    )
    invited_at: Mapped[datetime] = time_default_now("招待日時", "When the person was last asked.")
    answered_at: Mapped[datetime | None] = mapped_column(
        comment="回答日時", doc="When the invitation was accepted, declined or withdrawn."
    )

    project: Mapped[Project] = to_one("invitations")
    user: Mapped[User] = to_one("project_invitations", foreign_keys=[user_id])
    invited_by: Mapped[User] = to_one("sent_project_invitations", foreign_keys=[invited_by_id])
